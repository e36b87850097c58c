//! `tls` of a `[[listener]]`.

use super::{
    node::file,
    read::{Written, or_default},
    table::Table,
};
use crate::policy::{Bind, ClientCertificate, Stated, Tls};

/// The table, held against the binds: one is there exactly when the other is.
//= TPT-008
pub(super) fn tls(listener: &Table<'_>, binds: &[Stated<Bind>]) -> Option<Tls> {
    let table = listener.table("tls");
    let secure = binds.iter().find(|bind| bind.value.transport.is_tls());
    match (table.at(), secure) {
        (None, None) => return None,
        (None, Some(bind)) => {
            let name = bind.value.transport.uri_name();
            let fault = format!("`{name}://` needs a certificate");
            let remedy = "write `tls = { certificate = \"edge.pem\", key = \"edge.key\" }`";
            listener.missing(&fault, remedy);
            return None;
        }
        (Some(at), None) => listener.reader.contradiction(
            at,
            "`tls` without a bind that uses it",
            "write \"tls://127.0.0.1:5061\" into `bind`, or take it out",
        ),
        (Some(_), Some(_)) => {}
    }
    table.require("certificate", "\"edge.pem\"");
    table.require("key", "\"edge.key\"");
    let one = |key: &'static str| table.parsed(key, file);
    let (certificate, key) = (one("certificate"), one("key"));
    let (client_ca, ca) = (one("client_ca"), one("ca"));
    let client_certificate: Option<Written<ClientCertificate>> = table.word("client_certificate");
    if let (Some(written), None) = (&client_certificate, &client_ca) {
        table.reader.contradiction(
            written.at.clone(),
            "`client_certificate` without `client_ca`: nobody is asked for one",
            "add `client_ca = \"peers-ca.pem\"`, or take it out",
        );
    }
    table.close();
    Some(Tls {
        certificate: or_default(certificate, String::new()),
        key: or_default(key, String::new()),
        client_ca: client_ca.map(Written::stated),
        client_certificate: or_default(client_certificate, ClientCertificate::Required),
        ca: ca.map(Written::stated),
    })
}
