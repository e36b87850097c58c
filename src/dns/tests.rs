#[path = "../../tests/locating/name_server.rs"]
mod name_server;

use std::net::{IpAddr, UdpSocket};

use name_server::NameServer;

use super::*;
use crate::{
    locate::{Data, HostName, Kind},
    policy::{Stated, StatedBy},
};

fn asking(servers: &[SocketAddr], timeout: Duration) -> Dns {
    fn stated<T>(value: T) -> Stated<T> {
        let by = StatedBy::Default;
        Stated { value, by }
    }
    let policy = policy::Dns {
        servers: stated(servers.to_vec()),
        timeout: stated(timeout),
        ..policy::Dns::default()
    };
    Dns::of(&policy).unwrap()
}

fn question(name: &str, kind: Kind) -> Question {
    let name = HostName::parse(name.as_bytes()).unwrap();
    Question { name, kind }
}

async fn said(dns: &Dns, name: &str, kind: Kind) -> (Vec<Data>, Answer) {
    let question = question(name, kind);
    let answer = dns.ask(&question).unwrap().await;
    (answer.to(&question).into_iter().cloned().collect(), answer)
}

fn addresses(said: &[Data]) -> Vec<IpAddr> {
    said.iter()
        .filter_map(|data| match data {
            Data::Address(address) => Some(*address),
            _ => None,
        })
        .collect()
}

const RECORDS: &str = r#"
edge 60 IN NAPTR 10 50 "s" "SIP+D2T" "" _sip._tcp.edge
edge 60 IN NAPTR 20 50 "s" "SIP+D2U" "" _sip._udp.edge
_sip._tcp.edge 40 IN SRV 1 2 5071 host
_sip._tcp.edge 40 IN SRV 3 4 5072 host2
_sip._udp.edge 40 IN SRV 0 0 0 .
host 20 IN A 192.0.2.11
host 20 IN A 192.0.2.12
host 20 IN AAAA 2001:db8::11
moment 0 IN A 192.0.2.13
first 50 IN CNAME second
second 10 IN CNAME host
round 50 IN CNAME about
about 50 IN CNAME round
7.2.0.192.in-addr.arpa 25 IN CNAME 7.0-15.2.0.192.in-addr.arpa
7.0-15.2.0.192.in-addr.arpa 15 IN PTR Edge.Home1
7.0-15.2.0.192.in-addr.arpa 15 IN PTR other
"#;

//= LOC-001 type=test
//= LOC-007 type=test
#[tokio::test]
async fn a_name_server_is_asked_for_every_kind() {
    let server = NameServer::start(RECORDS);
    let dns = asking(&[server.address], Duration::from_secs(5));
    let (found, answer) = said(&dns, "edge.test", Kind::Naptr).await;
    let services: Vec<(u16, &[u8], &str)> = found
        .iter()
        .filter_map(|data| match data {
            Data::Naptr(naptr) => Some((naptr.order, &naptr.services[..], naptr.replacement.as_ref()?.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(services.len(), 2);
    assert!(
        services.contains(&(10, b"SIP+D2T", "_sip._tcp.edge.test")),
        "{services:?}"
    );
    let Answer::Found { lifetime, .. } = answer else {
        panic!()
    };
    assert!((50..=60).contains(&lifetime.as_secs()), "{lifetime:?}");
    let (found, _) = said(&dns, "_sip._tcp.edge.test", Kind::Srv).await;
    let servers: Vec<_> = found
        .iter()
        .filter_map(|data| match data {
            Data::Srv(srv) => Some((srv.priority, srv.weight, srv.port, srv.target.as_ref()?.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(servers.len(), 2);
    assert!(servers.contains(&(1, 2, 5071, "host.test")) && servers.contains(&(3, 4, 5072, "host2.test")));
    let (found, _) = said(&dns, "_sip._udp.edge.test", Kind::Srv).await;
    assert!(matches!(&found[..], [Data::Srv(srv)] if srv.target.is_none()));
    let (found, _) = said(&dns, "host.test", Kind::A).await;
    assert_eq!(addresses(&found).len(), 2);
    let (found, _) = said(&dns, "host.test", Kind::Aaaa).await;
    assert_eq!(addresses(&found), ["2001:db8::11".parse::<IpAddr>().unwrap()]);
}

//= TRUST-026 type=test
#[tokio::test]
async fn a_name_server_is_asked_what_an_address_is_called() {
    let server = NameServer::start(RECORDS);
    let dns = asking(&[server.address], Duration::from_secs(5));
    let (found, answer) = said(&dns, "7.2.0.192.in-addr.arpa.test", Kind::Ptr).await;
    let mut names: Vec<&str> = found
        .iter()
        .filter_map(|data| match data {
            Data::Ptr(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["edge.home1.test", "other.test"],
        "in small letters, through an alias"
    );
    let Answer::Found { lifetime, .. } = answer else {
        panic!()
    };
    assert!(lifetime.as_secs() <= 15, "{lifetime:?}");
}

//= LOC-007 type=test
#[tokio::test]
async fn lifetimes_come_from_the_records() {
    let server = NameServer::start(RECORDS);
    let dns = asking(&[server.address], Duration::from_secs(5));
    let lifetime = |answer: Answer| match answer {
        Answer::Found { lifetime, .. } => Some(lifetime.as_secs()),
        Answer::Nothing { lifetime } => lifetime.map(|lifetime| lifetime.as_secs()),
        Answer::Failed => None,
    };
    assert_eq!(lifetime(said(&dns, "moment.test", Kind::A).await.1), Some(0));
    // The shortest of the chain.
    let (found, answer) = said(&dns, "first.test", Kind::A).await;
    assert_eq!(addresses(&found).len(), 2);
    assert!(lifetime(answer).unwrap() <= 10);
    // What is not there, is not there for as long as the zone says.
    for (name, kind) in [("none.test", Kind::A), ("host.test", Kind::Naptr)] {
        let (_, answer) = said(&dns, name, kind).await;
        assert!(matches!(answer, Answer::Nothing { .. }), "{answer:?}");
        assert_eq!(lifetime(answer), Some(30));
    }
}

//= LOC-007 type=test
#[tokio::test]
async fn a_loop_of_aliases_and_a_foreign_zone_lead_nowhere() {
    let server = NameServer::start(RECORDS);
    let dns = asking(&[server.address], Duration::from_secs(5));
    assert!(said(&dns, "round.test", Kind::A).await.0.is_empty());
    // It refuses to answer for others.
    assert_eq!(said(&dns, "elsewhere.example", Kind::A).await.1, Answer::Failed);
}

//= LOC-007 type=test
#[tokio::test]
async fn the_second_server_answers_when_the_first_is_dead() {
    let server = NameServer::start(RECORDS);
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dns = asking(&[dead.local_addr().unwrap(), server.address], Duration::from_secs(20));
    let (found, _) = said(&dns, "host.test", Kind::A).await;
    assert_eq!(addresses(&found).len(), 2);
}

//= LOC-007 type=test
#[tokio::test(start_paused = true)]
async fn silence_is_a_failure_within_the_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let limit = Duration::from_secs(3);
    let start = tokio::time::Instant::now();
    let dns = asking(&[silent.local_addr().unwrap()], limit);
    assert_eq!(said(&dns, "a.test", Kind::A).await.1, Answer::Failed);
    assert!(start.elapsed() <= limit + Duration::from_millis(10));
}

//= LOC-007 type=test
#[tokio::test]
async fn many_questions_at_once_are_all_answered() {
    let server = NameServer::start(RECORDS);
    let dns = asking(&[server.address], Duration::from_secs(20));
    let asked: Vec<_> = (0..300)
        .filter_map(|at| dns.ask(&question(&format!("n{at}.test"), Kind::A)).map(tokio::spawn))
        .collect();
    for answer in asked {
        assert!(matches!(answer.await.unwrap(), Answer::Nothing { .. }));
    }
}

//= SEC-009 type=test
#[tokio::test]
async fn questions_under_way_are_limited() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dns = asking(&[silent.local_addr().unwrap()], Duration::from_secs(5));
    let question = question("a.test", Kind::A);
    let mut asked: Vec<_> = (0..QUESTIONS_MAX).map(|_| dns.ask(&question)).collect();
    assert!(asked.iter().all(Option::is_some));
    assert!(dns.ask(&question).is_none());
    asked.pop();
    assert!(dns.ask(&question).is_some());
}
