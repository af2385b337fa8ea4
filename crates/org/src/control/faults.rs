//! Faults on order, of the running process.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use keyholder_foundation::WallClock;
use serde_json::json;

use super::done;
use crate::faults::{FaultOrder, MOST_ORDERS};
use crate::rooms::Rooms;
use crate::serve::plain;

/// `GET`, `POST` and `DELETE faults`, `DELETE faults/ID`.
pub(super) fn answer(rooms: &Rooms, method: &Method, id: Option<&str>, body: &Bytes) -> Response<Bytes> {
    let (faults, now) = (&rooms.faults, rooms.world.clocks.org.now());
    let bad = |why: &dyn std::fmt::Display| plain(StatusCode::BAD_REQUEST, "BadRequest", &format!("The order: {why}."));
    match (method.as_str(), id) {
        ("GET", None) => done(&faults.list(now)),
        ("POST", None) => match serde_json::from_slice::<FaultOrder>(body) {
            Err(why) => bad(&why),
            Ok(order) => match order.check() {
                Err(why) => bad(&why),
                Ok(()) => faults.order(order, now).map_or_else(
                    || bad(&format!("there are {MOST_ORDERS} already; take some back")),
                    |ordered| done(&ordered),
                ),
            },
        },
        ("DELETE", None) => done(&json!({"cleared": faults.clear(None)})),
        ("DELETE", Some(id)) => match id.parse().map(|id| faults.clear(Some(id))) {
            Ok(cleared @ 1..) => done(&json!({"cleared": cleared})),
            _ => plain(StatusCode::NOT_FOUND, "NotFound", "There is no such fault; `GET faults` lists them."),
        },
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "That control command has another method."),
    }
}
