//! What a UE may send.

use super::{UE, from_ue, policy_with, registered, request};
use crate::world::{POLICY, World};

//= PCSCF-015 type=test
#[test]
fn what_belongs_to_a_dialog_names_one() {
    let with_481 = policy_with("oob_in_dialog_code = 481");
    for method in ["BYE", "PRACK", "UPDATE", "INFO", "NOTIFY"] {
        for (policy, refused) in [
            (POLICY, "SIP/2.0 403 Forbidden"),
            (&with_481, "SIP/2.0 481 Call/Transaction Does Not Exist"),
        ] {
            let mut world = World::new(policy);
            registered(&mut world, "");
            assert_eq!(
                from_ue(&mut world, &request(UE, method, "")).start(),
                refused,
                "{method}"
            );
        }
    }
    for method in ["INVITE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "PUBLISH", "REFER"] {
        let mut world = World::new(POLICY);
        registered(&mut world, "");
        assert!(
            from_ue(&mut world, &request(UE, method, ""))
                .start()
                .starts_with(method)
        );
    }
}

//= PCSCF-020 type=test
#[test]
fn a_ue_that_is_not_registered_may_get_no_answer_at_all() {
    let mut world = World::new(&policy_with("unprotected_action = \"drop\""));
    for method in ["INVITE", "MESSAGE", "OPTIONS", "BYE", "CANCEL", "ACK"] {
        let sent = world.packet("access", UE, &request(UE, method, ""));
        assert!(sent.is_empty(), "{method}: {sent:#?}");
    }
    assert_eq!(world.engine.transactions(), 0);
    let dropped = world.engine.counts().rows();
    assert!(
        dropped
            .iter()
            .any(|row| row.series().contains("unregistered") && row.value == 6)
    );
    // A stranger, and a UE that registered, are answered.
    registered(&mut world, "");
    assert!(
        from_ue(&mut world, &request(UE, "MESSAGE", "Subject: x\r\n"))
            .start()
            .starts_with("MESSAGE")
    );
    let mut world = World::new(POLICY);
    assert_eq!(
        from_ue(&mut world, &request(UE, "INVITE", "")).start(),
        "SIP/2.0 403 Forbidden"
    );
}

//= PCSCF-033 type=test
#[test]
fn after_a_restart_a_ue_registers_again() {
    let mut world = World::new(POLICY);
    registered(&mut world, "");
    let mut restarted = World::with(POLICY, crate::world::keys_of_instance(8), [2; 32]);
    assert_eq!(
        from_ue(&mut restarted, &request(UE, "INVITE", "")).start(),
        "SIP/2.0 403 Forbidden"
    );
    registered(&mut restarted, "");
    assert!(
        from_ue(&mut restarted, &request(UE, "INVITE", "X: y\r\n"))
            .start()
            .starts_with("INVITE")
    );
}
