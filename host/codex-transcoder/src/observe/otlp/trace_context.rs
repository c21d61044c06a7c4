//! The header `traceparent` of W3C Trace Context, which says what trace a job belongs to.

use std::fmt;

/// One more than the largest number of the random bits of a trace's id.
const RANDOM: u128 = 1 << 56;

/// A position in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub trace: u128,
    pub span: u64,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

impl TraceContext {
    /// `None` for anything that the specification calls invalid. A later version may have more fields at its end.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('-');
        let [version, trace, span, flags] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
        let version = hex(version, 2)?;
        let may_go_on = version != 0;
        if version == 0xff || (fields.next().is_some() && !may_go_on) {
            return None;
        }
        let (trace, span) = (hex(trace, 32)?, u64::try_from(hex(span, 16)?).ok()?);
        (trace != 0 && span != 0).then_some(Self { trace, span, sampled: hex(flags, 2)? & 1 == 1 })
    }

    /// A new trace, of which this share is recorded.
    pub fn fresh(share: f64) -> Self {
        let trace = random();
        // By the 56 bits that the specification calls random, so that several services agree.
        let sampled = (trace & (RANDOM - 1)) < (share * RANDOM as f64) as u128;
        Self { trace, span: fresh_span(), sampled }
    }

    /// The same trace at another span.
    pub fn at(self, span: u64) -> Self {
        Self { span, ..self }
    }
}

/// As it is sent.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, sampled } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", u8::from(*sampled))
    }
}

pub fn fresh_span() -> u64 {
    random() as u64
}

/// Never zero, which is no id.
fn random() -> u128 {
    uuid::Uuid::new_v4().as_u128()
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let plain = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(plain)).then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_header_is_read_and_written() {
        let read = TraceContext::parse(VALID).unwrap();
        assert_eq!((read.trace, read.span), (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c, 0xb7ad_6b71_6920_3331));
        assert_eq!((read.sampled, read.to_string().as_str()), (true, VALID));
        let later = VALID.replacen("00-", "cc-", 1) + "-what-comes";
        assert_eq!(TraceContext::parse(&later), Some(read));
        assert!(!TraceContext::parse(&VALID.replace("-01", "-02")).unwrap().sampled);
    }

    #[test]
    fn an_invalid_header_is_none() {
        for text in [
            "",
            "00",
            &VALID.to_uppercase(),
            &VALID.replacen("00-", "ff-", 1),
            &VALID.replacen("0af7", "0000", 1)[..40],
            &format!("{VALID}-more"),
            &format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            &format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", "0".repeat(16)),
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_share_of_new_traces_is_recorded() {
        let sampled = |share| (0..400).filter(|_| TraceContext::fresh(share).sampled).count();
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 400));
        // Nine standard deviations.
        assert!((110..=290).contains(&sampled(0.5)), "{}", sampled(0.5));
    }
}
