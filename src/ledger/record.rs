//! What a run tells its ledger, as a value and as bytes of the journal.

use super::Key;
use super::entry::kept;
use crate::outcome::Conclusion;

/// Something that a run tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// These were looked up, which marks what is known as seen.
    LookUp(Vec<Key>),
    /// A request is about to go out.
    Intend {
        /// What it sends.
        key: Key,
        /// The order's number and the tracking number, for people.
        names: (String, String),
        /// When, in seconds since 1970.
        at: i64,
    },
    /// It ended so.
    Conclude {
        /// What was sent.
        key: Key,
        /// What came of it.
        conclusion: Conclusion,
        /// When, in seconds since 1970.
        at: i64,
    },
}

impl Record {
    /// An intent, with the names as far as they are kept.
    pub(super) fn intend(key: Key, (order_no, trackingnumber): (&str, &str), at: i64) -> Self {
        Self::Intend {
            key,
            names: (kept(order_no).to_owned(), kept(trackingnumber).to_owned()),
            at,
        }
    }

    /// Writes it behind `out`.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::LookUp(keys) => {
                out.push(0);
                for key in keys {
                    put_key(out, *key);
                }
            }
            Self::Intend { key, names: (order_no, trackingnumber), at } => {
                out.push(1);
                put_key(out, *key);
                out.extend_from_slice(&at.to_le_bytes());
                out.push(u8::try_from(order_no.len()).unwrap_or(u8::MAX));
                out.extend_from_slice(order_no.as_bytes());
                out.extend_from_slice(trackingnumber.as_bytes());
            }
            Self::Conclude { key, conclusion, at } => {
                out.push(number(*conclusion));
                put_key(out, *key);
                out.extend_from_slice(&at.to_le_bytes());
            }
        }
    }

    /// Reads what [`Record::encode`] wrote; `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        if *kind == 0 {
            let mut keys = Vec::with_capacity(rest.len() / 32);
            while !rest.is_empty() {
                keys.push(take_key(&mut rest)?);
            }
            return Some(Self::LookUp(keys));
        }
        let key = take_key(&mut rest)?;
        let (at, rest) = rest.split_first_chunk()?;
        let at = i64::from_le_bytes(*at);
        if *kind == 1 {
            let (length, names) = rest.split_first()?;
            let (order_no, trackingnumber) = names.split_at_checked(usize::from(*length))?;
            let text = |bytes| std::str::from_utf8(bytes).ok().map(str::to_owned);
            return Some(Self::Intend { key, names: (text(order_no)?, text(trackingnumber)?), at });
        }
        let conclusion = ALL.into_iter().find(|conclusion| number(*conclusion) == *kind)?;
        rest.is_empty().then_some(Self::Conclude { key, conclusion, at })
    }
}

const ALL: [Conclusion; 4] =
    [Conclusion::Accepted, Conclusion::NotAccepted, Conclusion::StillInDoubt, Conclusion::InDoubt];

/// What stands for a conclusion in the journal.
fn number(conclusion: Conclusion) -> u8 {
    match conclusion {
        Conclusion::Accepted => 2,
        Conclusion::NotAccepted => 3,
        Conclusion::StillInDoubt => 4,
        Conclusion::InDoubt => 5,
    }
}

fn put_key(out: &mut Vec<u8>, key: Key) {
    out.extend_from_slice(&key.identity.to_le_bytes());
    out.extend_from_slice(&key.payload.to_le_bytes());
}

fn take_key(bytes: &mut &[u8]) -> Option<Key> {
    let (identity, rest) = bytes.split_first_chunk()?;
    let (payload, rest) = rest.split_first_chunk()?;
    *bytes = rest;
    Some(Key { identity: u128::from_le_bytes(*identity), payload: u128::from_le_bytes(*payload) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else() {
        let key = Key { identity: 7 << 100, payload: 9 };
        let mut records = vec![
            Record::LookUp(vec![key, Key { identity: 1, payload: 2 }]),
            Record::intend(key, ("#1001", "1Z999"), 17),
            Record::intend(key, (&"ü".repeat(300), ""), -1),
        ];
        for conclusion in ALL {
            records.push(Record::Conclude { key, conclusion, at: 5 });
        }
        for record in records {
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            assert_eq!(Record::decode(&bytes), Some(record));
            assert_eq!(Record::decode(&bytes[..20]), None);
        }
        assert_eq!(Record::decode(&[]), None);
    }
}
