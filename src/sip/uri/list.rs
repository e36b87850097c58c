//! URIs in one piece of memory, for what is kept a hundred thousand times.

/// Any number of texts, in order. Takes a pointer, and two bytes for each of them; one of more than 64 KiB is left out.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct UriList(
    /// Each behind its length.
    Box<[u8]>,
);

type Length = u16;

impl UriList {
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk()?;
            let (text, behind) = behind.split_at_checked(Length::from_le_bytes(*length) as usize)?;
            rest = behind;
            Some(text)
        })
    }

    pub fn get(&self, place: usize) -> Option<&[u8]> {
        self.iter().nth(place)
    }

    pub fn len(&self) -> usize {
        self.iter().count()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for UriList {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> UriList {
        let mut all = Vec::new();
        for text in texts {
            let text = text.as_ref();
            let Ok(length) = Length::try_from(text.len()) else {
                continue;
            };
            all.extend_from_slice(&length.to_le_bytes());
            all.extend_from_slice(text);
        }
        UriList(all.into())
    }
}

impl std::fmt::Debug for UriList {
    /// Shows how many, and names nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UriList")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_went_in_comes_out_in_order(texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..9)) {
            let list: UriList = texts.iter().collect();
            prop_assert!(list.iter().eq(texts.iter().map(Vec::as_slice)));
            prop_assert_eq!((list.len(), list.is_empty()), (texts.len(), texts.is_empty()));
            for place in 0..=texts.len() {
                prop_assert_eq!(list.get(place), texts.get(place).map(Vec::as_slice));
            }
            prop_assert!(list == texts.iter().collect());
        }
    }

    #[test]
    fn a_text_beyond_the_maximum_is_left_out() {
        let longest = vec![b'a'; usize::from(Length::MAX)];
        let longer = [&longest[..], b"a"].concat();
        let list: UriList = [&longest, &longer, &b"b".to_vec()].into_iter().collect();
        assert!(list.iter().eq([&longest[..], b"b"]));
    }

    #[test]
    fn what_is_printed_names_nobody() {
        let list: UriList = ["sip:alice@home1.example", "tel:+15550001"].iter().collect();
        assert_eq!(format!("{list:?}"), "UriList { len: 2, .. }");
    }
}
