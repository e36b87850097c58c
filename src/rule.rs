//! Requirement ids as values, so that code, test and screen name the same thing.

/// A requirement and the clause behind it, as `explain` and `replay` cite it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule {
    /// Id in `docs/requirements-sip.md`.
    pub id: &'static str,
    /// Where the rule comes from.
    pub clause: &'static str,
}

macro_rules! rules {
    ($($name:ident = $id:literal, $clause:literal;)*) => {
        $(pub const $name: Rule = Rule { id: $id, clause: $clause };)*
    };
}

impl Rule {
    rules! {
        AKA_010 = "AKA-010", "RFC 3329 section 2.3.2";
        AKA_013 = "AKA-013", "TS 33.203 section 7.3.2.1";
        AKA_014 = "AKA-014", "RFC 3329 section 2.3.1, TS 33.203 section 7.2";
        AKA_024 = "AKA-024", "TS 33.203 section 7.3.1";
        AKA_025 = "AKA-025", "TS 33.203 section 7.1";
        AKA_028 = "AKA-028", "004 6.1.1";
        PCSCF_025 = "PCSCF-025", "TS 33.203 sections 7.1 and 7.4.2a";
        LI_001 = "LI-001", "RFC 5079 section 3";
        LI_004 = "LI-004", "local law, as the policy states it";
        LI_006 = "LI-006", "003 6.1.2.1, TS 23.228 section 5.11.2.0";
        P2P_006 = "P2P-006", "RFC 3323 section 4.2, 003 8.1.2.1";
        P2P_014 = "P2P-014", "RFC 3903 section 6, 000 step 5";
        P2P_037 = "P2P-037", "RFC 5627 section 6.1";
        P2P_046 = "P2P-046", "RFC 6665 section 4.2.1, 000 step 6";
        P2P_056 = "P2P-056", "002 4.1";
        P2P_084 = "P2P-084", "RFC 4568 section 6, 001";
        P2P_122 = "P2P-122", "002 4.4";
        PAI_001 = "PAI-001", "RFC 3325 section 5";
        PAI_002 = "PAI-002", "RFC 3325 section 5, RFC 3324 section 4.4";
        PAI_003 = "PAI-003", "RFC 3325 section 9.2";
        PAI_006 = "PAI-006", "TS 33.203 section 7.1";
        PAI_008 = "PAI-008", "RFC 3325 section 9.1";
        PAI_014 = "PAI-014", "RFC 5876 section 4.5";
        PRIV_007 = "PRIV-007", "RFC 3323 section 5, RFC 3325 section 7";
        PRIV_008 = "PRIV-008", "RFC 3323 section 4.2";
        PRIV_009 = "PRIV-009", "RFC 3323 section 4.2";
        PRIV_010 = "PRIV-010", "RFC 3323 section 4.2";
        PRIV_011 = "PRIV-011", "RFC 3323 section 4.2";
        PRIV_029 = "PRIV-029", "RFC 3325 sections 4 to 7";
        PRIV_030 = "PRIV-030", "RFC 3325 section 7";
        PRIV_031 = "PRIV-031", "RFC 3325 section 7";
        PRIV_032 = "PRIV-032", "RFC 3323 section 5.3";
        PRIV_033 = "PRIV-033", "RFC 3323 section 5.1";
        PRIV_037 = "PRIV-037", "RFC 3323 section 5";
        PRIV_039 = "PRIV-039", "RFC 3323 section 4.3";
        PRIV_060 = "PRIV-060", "RFC 3323 section 4.2";
        PRIV_063 = "PRIV-063", "RFC 5379 section 4.3";
        PRIV_080 = "PRIV-080", "RFC 3323 section 4.1.1.3";
        PRIV_082 = "PRIV-082", "RFC 3323 section 4.1.1.2";
        PRIV_083 = "PRIV-083", "RFC 3323 section 5.1";
        PRIV_084 = "PRIV-084", "RFC 3323 section 5.1";
        PRIV_085 = "PRIV-085", "RFC 3323 section 5.1";
        PRIV_087 = "PRIV-087", "RFC 5379 section 5.1.1";
        PRIV_088 = "PRIV-088", "RFC 5379 section 5.3.3";
        PRIV_089 = "PRIV-089", "RFC 3323 section 5.3";
        PRIV_090 = "PRIV-090", "RFC 5379 section 5.1.16";
        PRIV_091 = "PRIV-091", "RFC 5379 section 5.1.10";
        PRIV_096 = "PRIV-096", "RFC 7044 section 10.1";
        PRIV_097 = "PRIV-097", "draft-ietf-sip-privacy, RFC 5806";
        PRIV_099 = "PRIV-099", "RFC 6442";
        PRIV_100 = "PRIV-100", "RFC 8224 section 11";
        PRIV_101 = "PRIV-101", "RFC 7989 section 12";
        PRIV_106 = "PRIV-106", "TS 24.229 section 4.4, TS 29.165 table 6.2";
        PRIV_130 = "PRIV-130", "RFC 3325 section 7";
        PRIV_133 = "PRIV-133", "RFC 3323 section 5.3";
        PRIV_141 = "PRIV-141", "RFC 3323 section 5.1";
        PRIV_143 = "PRIV-143", "RFC 3261 section 12";
        ROLE_001 = "ROLE-001", "004 SPEC(T) item 4";
        ROLE_005 = "ROLE-005", "RFC 5031, TS 24.229 section 5.2.10";
        THIG_002 = "THIG-002", "TS 33.203 section 5.2";
        THIG_007 = "THIG-007", "TS 33.203 section 6.4";
        THIG_008 = "THIG-008", "TS 33.203 section 6.4";
        THIG_012 = "THIG-012", "TS 23.228 section 4.14";
        TRUST_002 = "TRUST-002", "RFC 3325 section 11";
        TRUST_010 = "TRUST-010", "RFC 3324 section 2.3";
        TRUST_013 = "TRUST-013", "TS 33.203 section 5.4";
        TRUST_040 = "TRUST-040", "RFC 7315 section 4, TS 29.165 table 6.2";
        MSG_001 = "MSG-001", "RFC 3261 section 8.1.1";
        MSG_002 = "MSG-002", "RFC 3261 section 7.1";
        MSG_003 = "MSG-003", "RFC 4475 section 3.1.2.17";
        MSG_004 = "MSG-004", "RFC 4475 section 3.1.2.4";
        MSG_005 = "MSG-005", "RFC 3261 section 18.3";
        MSG_007 = "MSG-007", "RFC 4475 section 3.3.8";
        MSG_008 = "MSG-008", "RFC 3261 section 17.2.3";
        MSG_009 = "MSG-009", "RFC 3261 section 16.3";
        MSG_011 = "MSG-011", "RFC 3261 section 16.3";
        MSG_012 = "MSG-012", "RFC 3261 section 21.4.11";
        MSG_013 = "MSG-013", "RFC 3325 section 7";
        TPT_002 = "TPT-002", "RFC 3261 section 18.1.1, RFC 3581";
        PROXY_002 = "PROXY-002", "RFC 3261 section 16.3";
        PROXY_003 = "PROXY-003", "RFC 3261 section 16.3";
        PROXY_004 = "PROXY-004", "RFC 5393 section 4.2";
        PROXY_005 = "PROXY-005", "RFC 5393 section 5.3.3";
        PROXY_010 = "PROXY-010", "RFC 3261 section 16.4, TS 33.203 annex J";
        PROXY_011 = "PROXY-011", "RFC 3261 section 16.5";
        PROXY_017 = "PROXY-017", "RFC 3261 section 16.6, section 26.2.2";
        PROXY_018 = "PROXY-018", "RFC 3261 section 16.6";
        PROXY_024 = "PROXY-024", "RFC 3261 section 16.7";
        PROXY_027 = "PROXY-027", "RFC 3261 section 9.2";
        PROXY_030 = "PROXY-030", "RFC 3261 section 11";
        PCSCF_002 = "PCSCF-002", "RFC 3327 section 5.2";
        PCSCF_005 = "PCSCF-005", "TS 24.229 section 5.2.2.2";
        PCSCF_006 = "PCSCF-006", "TS 33.203 section 7.1";
        PCSCF_013 = "PCSCF-013", "RFC 3680 section 5";
        PCSCF_014 = "PCSCF-014", "TS 24.229 section 5.2.6.3.3, RFC 3608 section 6.1";
        PCSCF_015 = "PCSCF-015", "RFC 3261 section 12.2.2";
        PCSCF_016 = "PCSCF-016", "TS 33.203 section 7.1";
        PCSCF_022 = "PCSCF-022", "RFC 3327 section 5.4";
        PCSCF_030 = "PCSCF-030", "TS 24.229 section 5.2.8.1, RFC 4028 section 8";
        PCSCF_033 = "PCSCF-033", "RFC 3261 section 21.5.4";
        TRUST_042 = "TRUST-042", "TS 33.203 annex J";
        PCSCF_020 = "PCSCF-020", "TS 33.203 section 7.1";
        SEC_005 = "SEC-005", "RFC 3323 section 6";
        SEC_009 = "SEC-009", "RFC 3261 section 21.5.4";
    }
}
