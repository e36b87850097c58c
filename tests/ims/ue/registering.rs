//! Registration by AKA (TS 24.229 section 5.1.1): asked, answered, accepted.

use super::super::digest::Challenge;
use super::super::subscriber::HOME;
use super::super::usim::Verdict;
use super::{Sent, Ue, unique};

const REGISTRAR: &str = "sip:home1.example";
const SECONDS: u32 = 600;
/// It would be protected, where the network does that.
const OFFER: &str = "ipsec-3gpp;alg=hmac-sha-1-96;ealg=aes-cbc;spi-c=4096;spi-s=4097;port-c=31000;port-s=31001";

impl Ue {
    /// Asked, answered, accepted. Gives what the network asked.
    pub fn registers(&mut self) -> Sent {
        let challenged = self.asks_in();
        self.is_accepted(&challenged);
        challenged
    }

    /// The first REGISTER, and the 401 to it.
    pub fn asks_in(&mut self) -> Sent {
        let user = self.subscriber.private_identity();
        let nothing =
            format!("Digest username=\"{user}\", realm=\"{HOME}\", nonce=\"\", uri=\"{REGISTRAR}\", response=\"\"");
        let challenged = self.sends_register(SECONDS, &nothing);
        assert!(challenged.start().starts_with("SIP/2.0 401"), "{}", challenged.text());
        challenged
    }

    pub fn reads(&mut self, challenged: &Sent) -> Verdict {
        self.usim.reads(&challenge(challenged).nonce())
    }

    /// The second REGISTER, which is answered by 200.
    pub fn is_accepted(&mut self, challenged: &Sent) {
        let ok = self.is_let(challenged, SECONDS);
        let values = |name| ok.rows(name).into_iter().flat_map(|row| row.split(", "));
        self.service_route = values("Service-Route").map(str::to_owned).collect();
        self.associated = values("P-Associated-URI").map(str::to_owned).collect();
    }

    /// Proves who it is until the network is content. Kamailio sends a challenge before it writes it down, and asks anew when
    /// the answer is faster than that.
    fn is_let(&mut self, challenged: &Sent, seconds: u32) -> Sent {
        const TRIES: usize = 5;
        let mut challenged = challenged.clone();
        for _ in 0..TRIES {
            let Verdict::Answer(res) = self.reads(&challenged) else {
                panic!("the card refuses\n{}", challenged.text());
            };
            let answer = self.proves(&challenged, &res, seconds);
            if answer.start().starts_with("SIP/2.0 200") {
                return answer;
            }
            assert!(answer.start().starts_with("SIP/2.0 401"), "{}", answer.text());
            challenged = answer;
        }
        panic!("it is not let in\n{}", challenged.text());
    }

    /// The second REGISTER, whatever the answer.
    pub fn proves(&mut self, challenged: &Sent, res: &[u8], seconds: u32) -> Sent {
        let user = self.subscriber.private_identity();
        self.sends_register(seconds, &challenge(challenged).answered(&user, REGISTRAR, res))
    }

    /// The card has lost count with its network, and says where it stands.
    pub fn resynchronises(&mut self, challenged: &Sent, auts: &[u8]) -> Sent {
        let user = self.subscriber.private_identity();
        self.sends_register(SECONDS, &challenge(challenged).resynchronising(&user, REGISTRAR, auts))
    }

    /// The card does not know who asks.
    pub fn refuses(&mut self, challenged: &Sent) -> Sent {
        let user = self.subscriber.private_identity();
        self.sends_register(SECONDS, &challenge(challenged).refused(&user, REGISTRAR))
    }

    /// Ends its registration.
    pub fn leaves(&mut self) {
        let challenged = self.asks_in();
        self.is_let(&challenged, 0);
    }

    fn sends_register(&mut self, seconds: u32, authorization: &str) -> Sent {
        self.last_number += 1;
        let (address, number) = (self.phone.address, self.last_number);
        let identity = self.subscriber.sip_identity();
        let (branch, contact, call_id) = (unique("z9hG4bK"), self.contact(), self.call_id.clone());
        self.phone.send(&format!(
            "REGISTER {REGISTRAR} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch={branch}\r\nMax-Forwards: 70\r\n\
             From: <{identity}>;tag={number}\r\nTo: <{identity}>\r\nCall-ID: {call_id}\r\nCSeq: {number} REGISTER\r\n\
             Contact: {contact};expires={seconds}\r\nSupported: path, sec-agree\r\nProxy-Require: sec-agree\r\n\
             Require: sec-agree\r\nSecurity-Client: {OFFER}\r\nAuthorization: {authorization}\r\n\
             Content-Length: 0\r\n\r\n"
        ));
        let own = format!("{number} REGISTER");
        self.takes(|message| message.row("CSeq") == Some(&own) && message.row("Call-ID") == Some(&call_id))
    }
}

fn challenge(challenged: &Sent) -> Challenge {
    Challenge::of(challenged.row("WWW-Authenticate").unwrap_or_default())
}
