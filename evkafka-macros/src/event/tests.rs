use quote::quote;

use super::*;

/// What the compiler is told of a faulty event.
fn told(item: TokenStream) -> String {
    let tokens = event(item).to_string();
    assert!(tokens.contains("compile_error"), "{tokens}");
    tokens
}

fn expanded(item: TokenStream) -> String {
    let tokens = event(item).to_string();
    assert!(!tokens.contains("compile_error"), "{tokens}");
    tokens
}

#[test]
fn an_event_has_the_name_of_its_struct_unless_it_is_given_another() {
    let plain = expanded(quote!(
        struct r#OrderPaid;
    ));
    assert!(plain.contains("= \"OrderPaid\""), "{plain}");
    let named = expanded(quote!(
        #[event(name = "billing.OrderPaid")]
        struct OrderPaid;
    ));
    assert!(named.contains("= \"billing.OrderPaid\"") && !named.contains("= \"OrderPaid\""), "{named}");
}

#[test]
fn what_is_not_said_is_left_to_the_trait() {
    let plain = expanded(quote!(
        struct A;
    ));
    for item in ["VERSION", "TOPIC", "fn key"] {
        assert!(!plain.contains(item), "{item}: {plain}");
    }
}

#[test]
fn a_key_is_a_path_of_fields() {
    for (key, expression) in [
        (quote!(id), "& self . id"),
        (quote!(customer.id), "& self . customer . id"),
        (quote!(customer.0.1), "& self . customer . 0 . 1"),
        (quote!(r#type), "& self . r#type"),
    ] {
        let tokens = expanded(quote!(
            #[event(key = #key)]
            struct A {
                id: u8,
                customer: Customer,
                r#type: u8,
            }
        ));
        assert!(tokens.contains(expression), "{tokens}");
    }
    let tuple = expanded(quote!(
        #[event(key = 1.0)]
        struct A(u8, (u8, u8));
    ));
    assert!(tuple.contains("& self . 1 . 0"), "{tuple}");
}

#[test]
fn several_attributes_are_one() {
    let tokens = expanded(quote!(
        #[event(topic = "prices")]
        #[event(version = 3)]
        struct A;
    ));
    assert!(tokens.contains("\"prices\"") && tokens.contains("3u32"), "{tokens}");
    let twice = told(quote!(
        #[event(topic = "prices")]
        #[event(topic = "other")]
        struct A;
    ));
    assert!(twice.contains("`topic` is given twice"), "{twice}");
}

#[test]
fn every_fault_is_told() {
    let told = told(quote!(
        #[event(nam = "A", topic = "a b", version = "2", key = orderid)]
        struct A {
            order_id: u64,
        }
    ));
    for fault in ["did you mean `name`?", "invalid topic name", "a version is", "did you mean `order_id`?"] {
        assert!(told.contains(fault), "{fault} is not in {told}");
    }
}

#[test]
fn a_faulty_event_is_one_for_other_code() {
    let told = told(quote!(
        #[event(key = ident)]
        struct A {
            id: u64,
        }
    ));
    assert!(told.contains("Event for A") && !told.contains("ident)"), "{told}");
}
