//! The server, on a thread and a runtime of its own.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future, io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Access, Admin, answer::Sources, liveness_file::LivenessFile};
use crate::{
    error::{Error, Result},
    logged::logged,
};

/// How many connections there may be.
const MOST: usize = 64;
/// How long a client may take to say what it wants.
const HEADERS: Duration = Duration::from_secs(5);
/// How long a connection may last.
const LONGEST: Duration = Duration::from_secs(10);
/// How many bytes of a request are kept.
const LARGEST: usize = 16 << 10;
/// How long to wait after a connection could not be accepted: there may be too many open files.
const BREATH: Duration = Duration::from_millis(100);
/// How long the end of an app waits for the port to be closed.
const CLOSES: Duration = Duration::from_secs(1);

/// An endpoint that serves, and a file that is kept. They end when it is dropped.
pub(crate) struct AdminServer {
    listener: Option<Listener>,
    file: Option<LivenessFile>,
}

struct Listener {
    stop: DropGuard,
    /// Answers once the port is closed.
    closed: oneshot::Receiver<()>,
}

impl AdminServer {
    /// # Errors
    /// If its address is in use, its file cannot be written, or the operating system gives no thread.
    pub(crate) fn start(admin: Admin, sources: Sources) -> Result<Self> {
        let health = sources.health.clone();
        let listener = match admin.socket() {
            Some(address) => {
                let address = address.map_err(|fault| Error::faults(vec![fault]))?;
                Some(Listener::start(&admin, address, sources)?)
            }
            None => None,
        };
        let file = admin.liveness_file.map(|path| LivenessFile::keep(path, health)).transpose()?;
        Ok(Self { listener, file })
    }

    /// Ends it, and waits until its port is closed and its file removed.
    pub(crate) async fn stop(self) {
        let Self { listener, file } = self;
        let closes = async {
            if let Some(Listener { stop, closed }) = listener {
                drop(stop);
                let _ = timeout(CLOSES, closed).await;
            }
        };
        let removes = async {
            if let Some(file) = file {
                // A disk may hang.
                let _ = timeout(CLOSES, file.remove()).await;
            }
        };
        tokio::join!(closes, removes);
    }
}

impl Listener {
    fn start(admin: &Admin, address: SocketAddr, sources: Sources) -> Result<Self> {
        let listener = bind(address).map_err(|error| Error::faults(vec![fault(address, &error)]))?;
        let bound = listener.local_addr().map_err(Error::other)?;
        let runtime =
            Builder::new_current_thread().enable_io().enable_time().build().map_err(Error::other)?;
        let stop = CancellationToken::new();
        let (closes, closed) = oneshot::channel();
        let server = Arc::new(Server { access: admin.access.clone(), sources });
        let stopped = stop.clone();
        let serves = move || {
            serve(&runtime, listener, &server, &stopped);
            drop(runtime);
            let _ = closes.send(());
        };
        thread::Builder::new().name("evkafka-admin".to_owned()).spawn(serves).map_err(Error::other)?;
        // An app is run once; its clones of the address are told once.
        let _ = admin.bound.0.set(bound);
        logged(|| tracing::info!(target: "evkafka::app", address = %bound, "the admin endpoint listens"));
        Ok(Self { stop: stop.drop_guard(), closed })
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn fault(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("admin: `{address}` is in use by another process or app; choose another port")
        }
        _ => format!("admin: cannot listen on `{address}`: {error}"),
    }
}

struct Server {
    access: Access,
    sources: Sources,
}

fn serve(runtime: &Runtime, listener: TcpListener, server: &Arc<Server>, stop: &CancellationToken) {
    let serves = async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut connections = Connections::default();
        loop {
            match listener.accept().await {
                Ok((stream, _)) => connections.add(tokio::spawn(Arc::clone(server).converse(stream))),
                Err(_) => sleep(BREATH).await,
            }
        }
    };
    let served: Option<io::Result<Infallible>> = runtime.block_on(stop.run_until_cancelled(serves));
    if let Some(Err(error)) = served {
        logged(|| tracing::error!(target: "evkafka::app", %error, "the admin endpoint has ended"));
    }
}

/// Those that are open, the oldest first.
#[derive(Default)]
struct Connections(VecDeque<JoinHandle<()>>);

impl Connections {
    /// Of too many, the oldest is closed: whoever holds connections open must not keep a probe out.
    fn add(&mut self, connection: JoinHandle<()>) {
        self.0.retain(|connection| !connection.is_finished());
        if self.0.len() >= MOST
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.abort();
        }
        self.0.push_back(connection);
    }
}

impl Server {
    /// Answers one request.
    async fn converse(self: Arc<Self>, stream: TcpStream) {
        let answers = service_fn(|request| {
            future::ready(Ok::<_, Infallible>(self.sources.answer(&self.access, &request)))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS)
            .keep_alive(false)
            .max_buf_size(LARGEST)
            .serve_connection(TokioIo::new(stream), answers);
        // What goes wrong is the client's to notice.
        let _ = timeout(LONGEST, connection).await;
    }
}
