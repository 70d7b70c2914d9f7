//! What a request costs ([MS-SMB2] 3.1.5.2).

/// The CreditCharge of a READ, WRITE, IOCTL or QUERY_DIRECTORY request ([MS-SMB2] 3.1.5.2) on a connection that supports
/// multi-credit operations; of every other request it is 1 (3.2.4.1.5). Such a request consumes as many MessageIds.
///
/// `payload_bytes` is the larger one of what the request carries and what its response may carry. None costs 1, like
/// 65536; above 0xFFFF_0000, where the field cannot hold the charge, it is the most the field holds.
#[must_use]
pub fn credit_charge(payload_bytes: u32) -> u16 {
    u16::try_from(payload_bytes.saturating_sub(1) / 65536 + 1).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_for_each_64_kibibytes_begun() {
        for (bytes, charge) in [
            (0, 1),
            (1, 1),
            (65536, 1),
            (65537, 2),
            (131_072, 2),
            (131_073, 3),
            (0x0080_0000, 128),
            (0xFFFF_0000, 65535),
            (0xFFFF_0001, 65535),
            (u32::MAX, 65535),
        ] {
            assert_eq!(credit_charge(bytes), charge, "{bytes}");
        }
    }
}
