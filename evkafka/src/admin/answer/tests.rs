use super::*;

const TOKEN: &str = "0123456789abcdef";

fn sources() -> Sources {
    let control = Control::default();
    Sources { health: Health::of(control.clone()), control, metrics: Metrics::default() }
}

fn ask(access: &Access, path: &str, headers: &[(&'static str, &str)]) -> (u16, String) {
    let mut request = Request::new(());
    *request.uri_mut() = path.parse().expect("a path");
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    let answer = sources().answer(access, &request);
    let content_type = answer.headers()[header::CONTENT_TYPE].to_str().expect("text").to_owned();
    (answer.status().as_u16(), content_type)
}

#[test]
fn each_path_has_its_answer_and_others_have_none() {
    let plain = |status| (status, TEXT.to_owned());
    let local = &Access::Local;
    assert_eq!(ask(local, "/livez", &[]), plain(200));
    assert_eq!(ask(local, "/livez?verbose", &[]), plain(200));
    assert_eq!(ask(local, "/readyz", &[]), plain(503));
    assert_eq!(ask(local, "/startupz", &[]), plain(503));
    assert_eq!(ask(local, "/status", &[]), (503, JSON.to_owned()));
    assert_eq!(ask(local, "/", &[]), plain(200));
    assert_eq!(ask(local, "/etc/passwd", &[]), plain(404));
    let mut post = Request::new(());
    *post.method_mut() = Method::POST;
    assert_eq!(sources().answer(local, &post).status(), 405);
}

#[test]
fn whoever_has_no_token_is_told_whether_and_not_why() {
    let access = &Access::Token(TOKEN.to_owned());
    for wrong in
        ["Bearer 0123456789abcdeX", "Bearer 0123456789abcdef0", "Basic 0123456789abcdef", "Bearer", "", TOKEN]
    {
        let headers = [("authorization", wrong), ("accept", JSON)];
        assert_eq!(ask(access, "/metrics", &headers).0, 401, "{wrong}");
        assert_eq!(ask(access, "/status", &headers).0, 401, "{wrong}");
        assert_eq!(ask(access, "/nothing", &headers).0, 401, "{wrong}");
        assert_eq!(ask(access, "/readyz", &headers), (503, TEXT.to_owned()), "{wrong}");
    }
    for right in [format!("Bearer {TOKEN}"), format!("bearer {TOKEN}")] {
        let headers = [("authorization", right.as_str()), ("accept", JSON)];
        assert_eq!(ask(access, "/metrics", &headers).0, 200);
        assert_eq!(ask(access, "/readyz", &headers), (503, JSON.to_owned()));
    }
}

#[test]
fn the_accept_header_says_which_form_is_wanted() {
    let metrics = |accept| ask(&Access::Local, "/metrics", &[("accept", accept)]).1;
    // What Prometheus 2.42 and curl send.
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
        text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assert_eq!(metrics(prometheus), OPEN_METRICS_CONTENT_TYPE);
    for accept in ["*/*", "text/plain", "application/openmetrics-text;q=0,text/plain", "nonsense;;,"] {
        assert_eq!(metrics(accept), PROMETHEUS_CONTENT_TYPE, "{accept}");
    }
    let live = |accept| ask(&Access::Local, "/livez", &[("accept", accept)]).1;
    assert_eq!((live("application/json"), live("*/*")), (JSON.to_owned(), TEXT.to_owned()));
}
