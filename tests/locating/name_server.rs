//! A real name server on an ephemeral loopback port, in a thread of its own, made of zone text.

use std::{net::SocketAddr, sync::Arc, thread};

use hickory_server::{
    Server,
    proto::serialize::txt::Parser,
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, ZoneType},
};
use tokio::sync::oneshot;

/// Serves until dropped.
pub struct NameServer {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl NameServer {
    /// Answers for the zone `test.`, over UDP and TCP.
    pub fn start(records: &str) -> NameServer {
        let text = format!("$ORIGIN test.\n@ 30 IN SOA ns.test. root.test. 1 3600 600 86400 30\n{records}\n");
        let (ready, readiness) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let mut server = Server::new(catalog(&text));
                let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
                let address = udp.local_addr().unwrap();
                server.register_socket(udp);
                // The port may be taken for TCP: then only what fits a datagram is answered.
                if let Ok(tcp) = tokio::net::TcpListener::bind(address).await {
                    server.register_listener(tcp, std::time::Duration::from_secs(5), 512);
                }
                ready.send(address).unwrap();
                let _ = stopped.await;
            });
        });
        NameServer {
            address: readiness.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

fn catalog(text: &str) -> Catalog {
    let (origin, records) = Parser::new(text, None, None).parse().unwrap();
    let zone = InMemoryZoneHandler::new(origin.clone(), records, ZoneType::Primary, AxfrPolicy::Deny).unwrap();
    let mut catalog = Catalog::new();
    let zone: InMemoryZoneHandler = zone;
    catalog.upsert(origin.into(), vec![Arc::new(zone)]);
    catalog
}

impl Drop for NameServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
