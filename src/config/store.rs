//! `[store]`.

use super::{
    grammar,
    read::{Fault, or_default, shown},
    table::Table,
};
use crate::policy::{Proxy, Stated, store::Store};

pub(super) fn store(table: Table<'_>, proxy: &Proxy) -> Stated<Store> {
    let store = table.parsed("url", url);
    if let Some(store) = &store
        && store.value != Store::Memory
        && proxy.key_file.value.is_none()
    {
        table.reader.warn(
            store.at.clone(),
            "nobody can read this store after a restart: its keys are in memory alone",
            "add `key_file = \"sipveil.keys\"` to [proxy], or write `url = \"memory:\"`",
        );
    }
    table.close();
    or_default(store, Store::Memory)
}

fn url(text: &str) -> Result<Store, Fault> {
    if text == "memory:" {
        return Ok(Store::Memory);
    }
    if let Some(file) = text.strip_prefix("file:").filter(|file| !file.is_empty()) {
        return Ok(Store::File(file.to_owned()));
    }
    if text.starts_with("valkey:") {
        return Err(Fault {
            fault: "a store at `valkey:` is not provided by this version".to_owned(),
            remedy: "write \"memory:\" or \"file:sipveil.redb\"".to_owned(),
        });
    }
    let scheme = text.split(':').next().unwrap_or_default();
    Err(Fault {
        fault: format!("`{}` is no store", shown(text)),
        remedy: match grammar::nearest(scheme, ["memory", "file"].into_iter()) {
            Some(near) => format!("did you mean `{near}:`?"),
            None => "write \"memory:\" or \"file:sipveil.redb\"".to_owned(),
        },
    })
}
