//! What is refused first when it gets full.

use crate::sip::Method;

/// Transactions up to which a request is still taken, of `max`: the last sixteenths are kept for what matters more. What
/// belongs to a dialog is refused last: a call that cannot be ended costs more than one that cannot begin.
//= SEC-009
pub fn room_for(method: Method, in_dialog: bool, max: u32) -> usize {
    let kept_free = match method {
        _ if in_dialog => 0,
        Method::Bye | Method::Cancel | Method::Ack | Method::Prack | Method::Update => 0,
        Method::Options => 4,
        Method::Subscribe => 3,
        Method::Register => 2,
        _ => 1,
    };
    (max - max / 16 * kept_free) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    //= SEC-009 type=test
    #[test]
    fn what_matters_more_is_refused_later() {
        let order = [
            (Method::Options, false),
            (Method::Subscribe, false),
            (Method::Register, false),
            (Method::Invite, false),
            (Method::Bye, true),
        ];
        let room: Vec<usize> = order
            .iter()
            .map(|(method, in_dialog)| room_for(*method, *in_dialog, 160))
            .collect();
        assert_eq!(room, [120, 130, 140, 150, 160]);
        assert_eq!(room_for(Method::Invite, true, 160), 160);
        assert_eq!(room_for(Method::Options, false, 10), 10);
        assert_eq!(
            room_for(Method::Options, false, u32::MAX),
            u32::MAX as usize - (u32::MAX / 16 * 4) as usize
        );
    }
}
