//! The proxy as the P-CSCF of a small IMS network: Kamailio is I-CSCF and S-CSCF, the HSS and the telephones are ours.
//!
//! Everything is on loopback addresses of its own, so that it runs beside any other test.

mod diameter;
mod digest;
mod hss;
mod kamailio;
mod load;
mod milenage;
mod network;
mod places;
mod registrations;
mod rows;
mod subscriber;
mod traffic;
mod ue;
mod usim;

use self::network::Network;

/// One network for all of them: each row has subscribers of its own.
#[test]
fn registrations() {
    let network = Network::opens(registrations::SUBSCRIBERS.into_iter());
    rows::show(
        &network,
        &[
            ("registers by AKA", registrations::registers),
            ("registers again", registrations::registers_again),
            ("resynchronises (AUTS)", registrations::resynchronises),
            ("refuses a false network (MAC)", registrations::refuses_a_false_network),
            ("is refused (RES)", registrations::is_refused),
            ("leaves", registrations::leaves),
            ("is sent away (RTR), and comes back", registrations::is_sent_away),
        ],
    );
    network.closes();
}

#[test]
fn traffic() {
    let network = Network::opens(traffic::SUBSCRIBERS.into_iter());
    rows::show(
        &network,
        &[
            ("a call", traffic::a_call),
            ("a call with Privacy: id", traffic::a_call_with_privacy),
            ("a message", traffic::a_message),
            ("a message with Privacy: id", traffic::a_message_with_privacy),
            ("a subscription", traffic::a_subscription),
            ("a subscription with Privacy: id", traffic::a_subscription_with_privacy),
        ],
    );
    network.closes();
}

#[test]
fn load() {
    let network = Network::opens(load::subscribers());
    rows::show(
        &network,
        &[("SIPp: 300 register by AKA, 60 a second", load::three_hundred_register)],
    );
    network.closes();
}
