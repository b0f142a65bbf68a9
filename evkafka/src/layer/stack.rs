use super::{Call, Layer, Next};
use crate::handle::Attempt;

/// Two layers, the outer one first.
#[derive(Debug)]
pub struct Stack<A, B>(pub(crate) A, pub(crate) B);

/// What the outer one is around.
struct ToInner<'l, B, N> {
    inner: &'l B,
    next: N,
}

impl<A: Layer, B: Layer> Layer for Stack<A, B> {
    #[inline]
    fn call(&self, call: Call<'_>, next: impl Next) -> impl Future<Output = Attempt> + Send {
        self.0.call(call, ToInner { inner: &self.1, next })
    }
}

impl<B: Layer, N: Next> Next for ToInner<'_, B, N> {
    #[inline]
    fn run(self, call: Call<'_>) -> impl Future<Output = Attempt> + Send {
        self.inner.call(call, self.next)
    }
}
