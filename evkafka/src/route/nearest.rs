//! Which event was meant.

use crate::config::distance;

/// A longer type is nobody's typing error.
const LONGEST: usize = 120;

/// The event whose name comes closest to a type that no handler takes, if one is close: the same but for case, separators, quotes
/// around it or a namespace in front (`com.example.OrderCreated`), or with one wrong letter in six. (With more, `OrderUpdated` would
/// be taken for `OrderCreated`.)
pub(super) fn nearest<'e>(event_type: &[u8], events: impl Iterator<Item = &'e str>) -> Option<&'e str> {
    let written = std::str::from_utf8(event_type).ok().filter(|written| written.len() <= LONGEST)?;
    let whole = normalised(written);
    let last = normalised(without_namespace(written));
    if whole.is_empty() {
        return None;
    }
    let distance_to = |event: &str| {
        let name = normalised(event);
        let own_last = normalised(without_namespace(event));
        if name == whole {
            Some(0)
        } else if !last.is_empty() && (name == last || own_last == last || own_last == whole) {
            Some(1)
        } else {
            let at_most = whole.len() / 6;
            (name.len().abs_diff(whole.len()) <= at_most)
                .then(|| distance(&whole, &name))
                .filter(|distance| *distance <= at_most)
                .map(|distance| 1 + distance)
        }
    };
    let near = events.filter_map(|event| Some((distance_to(event)?, event)));
    near.min_by_key(|(distance, event)| (*distance, *event)).map(|(_, event)| event)
}

/// Letters and digits only, in lower case.
fn normalised(name: &str) -> Vec<char> {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The last part of a name with parts: of a Java class, a Rust path, a URN.
fn without_namespace(name: &str) -> &str {
    name.rsplit(['.', ':', '/', '$', '+', '#']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &[&str] = &["OrderCreated", "OrderPaid", "order-cancelled", "com.example.Refunded"];

    fn near(event_type: &str) -> Option<&'static str> {
        nearest(event_type.as_bytes(), EVENTS.iter().copied())
    }

    #[test]
    fn an_event_is_found_by_what_people_write_in_its_place() {
        for written in [
            "orderCreated",
            "order_created",
            "ORDER-CREATED",
            "\"OrderCreated\"",
            " OrderCreated\n",
            "com.example.OrderCreated",
            "urn:message:Shop:OrderCreated",
            "Shop.Orders+OrderCreated",
            "OrderCreatde",
            "OrderCreate",
            "OrderCreated2",
        ] {
            assert_eq!(near(written), Some("OrderCreated"), "{written}");
        }
        assert_eq!(near("OrderCancelled"), Some("order-cancelled"));
        assert_eq!(near("Refunded"), Some("com.example.Refunded"));
        assert_eq!(near("OrderPayd"), Some("OrderPaid"));
    }

    #[test]
    fn another_event_is_not_taken_for_a_misspelt_one() {
        for written in ["OrderUpdated", "InventoryCounted", "Order", "x", "", "\"\"", "::"] {
            assert_eq!(near(written), None, "{written}");
        }
        assert_eq!(nearest(&[b'x'; 1_000_000], EVENTS.iter().copied()), None);
        assert_eq!(nearest(b"\xffOrderCreated", EVENTS.iter().copied()), None);
    }
}
