//! RFC 3263, as far as it goes without NAPTR and SRV: numeric addresses, and names by A and AAAA.
