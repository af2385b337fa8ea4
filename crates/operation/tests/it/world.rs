//! Requests without a server.

use std::sync::LazyLock;

use http::{HeaderMap, Method};
use keyholder_dataverse::{DataverseError, Schema};
use keyholder_operation::{Bound, Operation, Query, Request, bind};

pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::core().unwrap());

pub(crate) const ID: &str = "11111111-2222-3333-4444-555555555555";

pub(crate) fn send(method: &str, address: &str, headers: &[(&str, &str)], body: &str) -> Result<Bound, DataverseError> {
    send_to(&SCHEMA, method, address, headers, body)
}

pub(crate) fn send_to(
    schema: &Schema,
    method: &str,
    address: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Bound, DataverseError> {
    let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
    let method: Method = method.parse().unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    let path = format!("v9.2/{path}");
    bind(
        schema,
        &Request { method: &method, path: &path, query, headers: &map, body: body.as_bytes(), references: None },
    )
}

pub(crate) fn operation(method: &str, address: &str, body: &str) -> Operation {
    send(method, address, &[], body).unwrap_or_else(|error| panic!("{method} {address}: {error}")).operation
}

pub(crate) fn query(address: &str) -> Query {
    match operation("GET", address, "") {
        Operation::Query(query) => query,
        other => panic!("{address} is no query but {other:?}"),
    }
}

/// The refusal as status and message.
pub(crate) fn refusal(method: &str, address: &str, body: &str) -> (u16, String) {
    match send(method, address, &[], body) {
        Ok(bound) => panic!("{method} {address} was not refused: {bound:?}"),
        Err(error) => (error.status, error.message),
    }
}
