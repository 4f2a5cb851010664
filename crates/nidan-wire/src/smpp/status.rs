//! What a carrier's command_status means to us: SMPP 3.4 §5.1.3.

/// No error.
pub(super) const ESME_ROK: u32 = 0x00;
/// Command length is invalid.
pub(super) const ESME_RINVCMDLEN: u32 = 0x02;
/// Invalid command id.
pub(super) const ESME_RINVCMDID: u32 = 0x03;
/// Incorrect bind status for the given command.
pub(super) const ESME_RINVBNDSTS: u32 = 0x04;
/// ESME receiver temporary app error: the carrier sends it again.
pub(super) const ESME_RX_T_APPN: u32 = 0x64;

/// Why a carrier did not take a message, as far as it changes what is done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// We are too fast (ESME_RTHROTTLED).
    Throttled,
    /// Its queue is full (ESME_RMSGQFUL).
    QueueFull,
    /// It refuses the number.
    Destination,
    /// It refuses what we sent: sender, text, validity or another field.
    Message,
    /// It failed, or did not understand the PDU at all. It says nothing of the message.
    Fault,
    /// A code without a meaning in the standard, or one that no submit_sm can get.
    Other,
}

impl Status {
    /// From a command_status that is not ESME_ROK.
    pub const fn of(code: u32) -> Self {
        match code {
            // ESME_RTHROTTLED
            0x58 => Self::Throttled,
            // ESME_RMSGQFUL
            0x14 => Self::QueueFull,
            // ESME_RINVDSTADR, RINVNUMDESTS, RINVDLNAME, RINVDESTFLAG, RINVDSTTON, RINVDSTNPI
            0x0b | 0x33 | 0x34 | 0x40 | 0x50 | 0x51 => Self::Destination,
            // ESME_RINVMSGLEN, RINVPRTFLG, RINVREGDLVFLG, RINVSRCADR, RINVSERTYP
            0x01 | 0x06 | 0x07 | 0x0a | 0x15
            // ESME_RINVREPFLAG (0x42 some, 0x54), RINVESMCLASS, RINVSRCTON, RINVSRCNPI, RINVSYSTYP
            | 0x42 | 0x43 | 0x48 | 0x49 | 0x53 | 0x54
            // ESME_RINVSCHED, RINVEXPIRY, RINVDFTMSGID, RX_P_APPN, RX_R_APPN
            | 0x61 | 0x62 | 0x63 | 0x65 | 0x66
            // ESME_RINVOPTPARSTREAM … RINVOPTPARAMVAL; SMPP 5.0: RINVDCS, RINVSRCADDRSUBUNIT
            | 0xc0..=0xc4 | 0x104 | 0x105 => Self::Message,
            // SMPP 5.0: RINVDSTADDRSUBUNIT
            0x106 => Self::Destination,
            // ESME_RINVCMDLEN, RINVCMDID, RINVBNDSTS, RSYSERR, RSUBMITFAIL, RX_T_APPN, RDELIVERYFAILURE, RUNKNOWNERR
            0x02 | 0x03 | 0x04 | 0x08 | 0x45 | 0x64 | 0xfe | 0xff => Self::Fault,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_standard_says() {
        for (code, status) in [
            (0x58, Status::Throttled),
            (0x14, Status::QueueFull),
            (0x0b, Status::Destination),
            (0x50, Status::Destination),
            (0x0a, Status::Message),
            (0x62, Status::Message),
            (0xc4, Status::Message),
            (0x08, Status::Fault),
            (0x45, Status::Fault),
            (0x03, Status::Fault),
            (0x400, Status::Other),
            (u32::MAX, Status::Other),
        ] {
            assert_eq!(Status::of(code), status, "{code:#x}");
        }
    }
}
