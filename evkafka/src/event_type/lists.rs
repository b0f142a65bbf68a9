//! Types that stand in a list, the most concrete first.

use std::borrow::Cow;

/// The first of .NET's assembly-qualified names, without the assembly: `Acme.OrderCreated` of
/// `Acme.OrderCreated, Acme.Messages, Version=1.0.0.0;Acme.IOrderEvent, Acme.Messages`. The names of type arguments are in brackets.
pub(super) fn first_dotnet_name(list: &[u8]) -> &[u8] {
    let mut depth = 0_usize;
    let end = list.iter().position(|byte| {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && matches!(byte, b',' | b';')
    });
    list[..end.unwrap_or(list.len())].trim_ascii()
}

/// What MassTransit writes in front of the name of each type.
const URN: &[u8] = b"urn:message:";

/// `Acme.Orders:OrderCreated` of `urn:message:Acme.Orders:OrderCreated`.
pub(super) fn without_urn(name: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.strip_prefix(URN).unwrap_or(name)),
        Cow::Owned(mut name) => {
            if name.starts_with(URN) {
                name.drain(..URN.len());
            }
            Cow::Owned(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_concrete_type_is_taken_out_of_a_dotnet_list() {
        for (list, name) in [
            ("Acme.OrderCreated", "Acme.OrderCreated"),
            ("Acme.OrderCreated, Acme.Messages, Version=1.0.0.0, Culture=neutral", "Acme.OrderCreated"),
            (" Acme.OrderCreated ;Acme.IOrder, Acme", "Acme.OrderCreated"),
            ("Acme.Wrapper`1[[Acme.Order, Acme]], Acme;B", "Acme.Wrapper`1[[Acme.Order, Acme]]"),
            ("A]],B", "A]]"),
            ("[[;,", "[[;,"),
            ("", ""),
            (";", ""),
        ] {
            assert_eq!(first_dotnet_name(list.as_bytes()), name.as_bytes(), "{list}");
        }
    }

    #[test]
    fn a_urn_is_shortened_to_the_name_in_it() {
        for (urn, name) in
            [("urn:message:Acme:Order", "Acme:Order"), ("Acme:Order", "Acme:Order"), ("urn:message:", "")]
        {
            assert_eq!(without_urn(Cow::Borrowed(urn.as_bytes())), name.as_bytes());
            assert_eq!(without_urn(Cow::Owned(urn.into())), name.as_bytes());
        }
    }
}
