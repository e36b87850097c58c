//! Records as the resolver reads them, turned into ours. What cannot be a name or a record of SIP is left out.

use hickory_resolver::proto::{
    op::ResponseCode,
    rr::{Name, RData, Record, RecordType},
};

use crate::locate::{
    Data, HostName, Kind, Record as Ours,
    answer::{Naptr, RECORDS_MAX, Srv},
};

pub(super) fn kind(kind: Kind) -> RecordType {
    match kind {
        Kind::Naptr => RecordType::NAPTR,
        Kind::Srv => RecordType::SRV,
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Ptr => RecordType::PTR,
    }
}

/// Whether a server that gives no records says with this code that there are none.
pub(super) fn says_nothing(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::NoError | ResponseCode::NXDomain)
}

/// At most [`RECORDS_MAX`], in the order of the server.
pub(super) fn read(records: &[Record]) -> Vec<Ours> {
    records.iter().take(RECORDS_MAX).filter_map(one).collect()
}

fn one(record: &Record) -> Option<Ours> {
    let data = match &record.data {
        RData::A(address) => Data::Address(address.0.into()),
        RData::AAAA(address) => Data::Address(address.0.into()),
        RData::CNAME(alias) => Data::Cname(host(&alias.0)?),
        RData::PTR(name) => Data::Ptr(host(&name.0)?),
        RData::SRV(srv) => Data::Srv(Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: root_or_host(&srv.target)?,
        }),
        RData::NAPTR(naptr) => Data::Naptr(Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: naptr.flags.to_vec(),
            services: naptr.services.to_vec(),
            regexp: naptr.regexp.to_vec(),
            replacement: root_or_host(&naptr.replacement)?,
        }),
        _ => return None,
    };
    let owner = host(&record.name)?;
    Some(Ours { owner, data })
}

fn host(name: &Name) -> Option<HostName> {
    // Bytes that are no letters of a host name come out escaped, and so do not parse.
    HostName::parse(name.to_ascii().as_bytes())
}

/// `None`: neither.
fn root_or_host(name: &Name) -> Option<Option<HostName>> {
    if name.is_root() {
        return Some(None);
    }
    host(name).map(Some)
}
