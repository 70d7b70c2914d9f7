use super::support;
use countersign_reports as reports;

fn page() -> String {
    reports::html::render(&support::sample()).unwrap()
}

#[test]
fn every_state() {
    let page = page();
    // The style sheet is a file of its own and would only hide the page.
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    insta::assert_snapshot!(format!("{head}{body}"));
}

#[test]
fn hostile_text_is_text() {
    let page = page();
    support::assert_harmless(&page);
    assert!(!page.contains("<script"));
    assert!(page.contains("alert(1)"));
}

#[test]
fn it_is_one_file_that_fetches_nothing() {
    let page = page();
    for fetching in ["<script", "<link", "<img", "<iframe", "@import", "url(", " src=", "javascript:"] {
        assert!(!page.contains(fetching), "{fetching}");
    }
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'"));
}

fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    page.split(&format!(" {name}=\"")).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect()
}

#[test]
fn every_anchor_is_there_once_and_every_link_arrives() {
    let page = page();
    let ids = attributes(&page, "id");
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
    for link in attributes(&page, "href") {
        match link.strip_prefix('#') {
            Some(anchor) => assert!(unique.contains(&anchor), "{link}"),
            None => {
                assert!(link.starts_with("evidence/") || link.starts_with("https://example.org/"), "{link}");
            }
        }
    }
}

#[test]
fn evidence_links_are_encoded() {
    let page = page();
    let link = "evidence/smb2-policy%20algorithm%3Dhmac-sha256%2Cclient%3Drequired%2Cdialect%3D2.0.2%2C\
        server.signing%3Drequired%40embedded.pcapng";
    assert!(attributes(&page, "href").contains(&link));
}

#[test]
fn evidence_outside_the_run_folder_is_no_link() {
    let mut results = support::all_well();
    for (case, path) in
        results.cases.iter_mut().zip(["../x", "/etc/passwd", "//elsewhere/x", "javascript:alert(1)"])
    {
        case.evidence = Some(path.to_owned());
    }
    results.cases.truncate(4);
    let page = reports::html::render(&results).unwrap();
    let links = attributes(&page, "href").into_iter().filter(|link| !link.starts_with('#'));
    assert!(links.into_iter().all(|link| link == "javascript%3Aalert%281%29"));
}

#[test]
fn a_link_that_is_no_web_address_is_no_link() {
    let mut results = support::sample();
    results.expectations[0].link = Some("javascript:alert(1)".to_owned());
    assert!(!reports::html::render(&results).unwrap().contains("javascript:"));
}

#[test]
fn every_outcome_class_has_its_colours() {
    let page = page();
    for class in ["good", "known", "bad", "unsure", "quiet"] {
        assert!(page.contains(&format!(".{class} {{ --tone:")), "{class}");
    }
}

#[test]
fn five_hundred_cases_are_one_page_of_folded_details() {
    let page = reports::html::render(&support::many(504)).unwrap();
    assert_eq!(page.matches("<details class=\"one\">").count(), 504);
    assert!(!page.contains("<details class=\"suite\" open"));
    assert!(page.len() < 6_000_000, "{}", page.len());
}

#[test]
fn an_empty_plan_says_so() {
    let page = reports::html::render(&support::nothing()).unwrap();
    assert!(page.contains("Nothing ran: the plan is empty."));
}
