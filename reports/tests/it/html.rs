use super::support;
use countersign_reports as reports;
use reports::Glossary;

fn page() -> String {
    rendered(&support::sample())
}

fn rendered(results: &model::Results) -> String {
    reports::html::render(results, &Glossary::default(), None).unwrap()
}

#[test]
fn every_state() {
    let page = page();
    // The style sheet and the script are files of their own and would only hide the page, and so would their hashes and the data.
    let (_, rest) = page.split_once("</style>").unwrap();
    let (body, _) = rest.split_once("<script").unwrap();
    insta::assert_snapshot!(body);
}

/// The section of clients that people run, without what stands around it.
fn interoperability(page: &str) -> &str {
    let (_, rest) = page.split_once("<section id=\"interoperability\">").unwrap();
    rest.split_once("</section>").unwrap().0
}

#[test]
fn clients_that_people_run() {
    insta::assert_snapshot!(interoperability(&rendered(&support::software())));
}

#[test]
fn what_a_client_prints_is_text() {
    let page = rendered(&support::software());
    support::assert_harmless(&page);
    assert_eq!(page.matches("<script").count(), 2);
    assert!(interoperability(&page).contains("<pre>&#60;script&#62;alert(1)"), "{}", interoperability(&page));
}

#[test]
fn every_cell_of_a_client_leads_to_its_case() {
    let results = support::software();
    let page = rendered(&results);
    let links: std::collections::BTreeSet<&str> =
        attributes(interoperability(&page), "href").into_iter().collect();
    for (index, case) in
        results.cases.iter().enumerate().filter(|(_, case)| case.axes.contains_key("software"))
    {
        assert!(links.contains(format!("#c{index}").as_str()), "{}", case.id);
    }
}

#[test]
fn a_finding_of_a_client_names_it() {
    let page = rendered(&support::software());
    assert!(
        page.contains(
            "<code>client/noticed</code> <span class=\"on\">of other-tool on nas and 1 more</span>"
        )
    );
    assert!(page.contains("duty of the client other-tool"));
}

#[test]
fn the_probe_and_a_client_disagree() {
    let section = rendered(&support::software());
    assert!(
        section.contains("1 of 10 comparisons disagrees: in each, one of the two is wrong."),
        "{}",
        interoperability(&section)
    );
    let mut results = support::software();
    results.cases.retain(|case| {
        case.id.as_str()
            != "tools-policy/server.signing=not-required,setting=required,software=other-tool@nas"
    });
    assert!(rendered(&results).contains("Probe and client: all 9 comparisons agree."));
}

#[test]
fn without_such_clients_nothing_is_said_of_them() {
    assert!(!page().contains("id=\"interoperability\""));
}

#[test]
fn five_thousand_cases_of_clients_are_small() {
    let html = rendered(&support::many_software(5000));
    println!("{} bytes", html.len());
    assert!(html.len() < 5_000_000, "{} bytes", html.len());
}

#[test]
fn hostile_text_is_text() {
    let page = page();
    support::assert_harmless(&page);
    assert_eq!(page.matches("<script").count(), 2);
    assert!(page.contains("alert(1)"));
}

#[test]
fn it_is_one_file_that_fetches_nothing() {
    let page = page();
    for fetching in [
        "<link",
        "<img",
        "<iframe",
        "@import",
        "url(",
        " src=",
        "javascript:",
        "innerHTML",
        "fetch(",
        " style=",
    ] {
        assert!(!page.contains(fetching), "{fetching}");
    }
    assert!(page.contains("default-src &#39;none&#39;; script-src &#39;sha256-"));
    assert!(!page.contains("unsafe-inline"));
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
            // Cases are opened by the script.
            Some(case) if case.strip_prefix('c').is_some_and(|it| it.parse::<usize>().is_ok()) => {}
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
        server.signing%3Dnot-required%40nas.pcapng";
    assert!(attributes(&page, "href").contains(&link));
}

#[test]
fn a_finding_says_what_mends_it_and_shows_its_bytes() {
    let mend = reports::Mend {
        mend: "sign".to_owned(),
        not_recommended: Some("not signing".to_owned()),
        own: [("nas".to_owned(), "Menu, Signing, On".to_owned())].into(),
    };
    let meaning = reports::Meaning { topic: "signing".to_owned(), ..reports::Meaning::default() };
    let glossary = Glossary {
        rules: [("signing/response-signed".to_owned(), meaning)].into(),
        topics: [("signing".to_owned(), mend)].into(),
        ..Glossary::default()
    };
    let page = reports::html::render(&support::sample(), &glossary, None).unwrap();
    for said in ["Menu, Signing, On", "not signing", "<mark>00 00"] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn the_answer_stands_on_top() {
    let page = rendered(&support::clients());
    let (_, top) = page.split_once("<h1>").unwrap();
    assert!(top.starts_with(
        "2 of 2 clients get in under every signing policy, 1 of them always signed on Appliance."
    ));
    // The dialects of the server make no difference.
    assert_eq!(page.matches("who-can-connect, with an account on the server</caption>").count(), 1);
    assert!(!page.contains("SMB1 to 3.1.1"));
    assert!(page.contains("not let in: windows-11 (one of 0xC05D0003, 0x80070035)"));
}

#[test]
fn evidence_outside_the_run_folder_is_no_link() {
    for path in ["../x", "/etc/passwd", "//elsewhere/x", "javascript:alert(1)"] {
        let mut results = support::sample();
        for case in &mut results.cases {
            case.evidence = Some(path.to_owned());
        }
        results.targets.clear();
        results.expectations.clear();
        let page = rendered(&results);
        let mut links = attributes(&page, "href").into_iter().filter(|link| !link.starts_with('#'));
        assert!(links.all(|link| link == "javascript%3Aalert%281%29"), "{path}");
        // Nor does the script make one: where a link is missing the data say `null`.
        let link = if path.starts_with("java") { "\"javascript%3Aalert%281%29\"" } else { "null" };
        assert!(page.contains(&format!("\"e\":[\"{path}\",{link}]")), "{path}");
    }
}

#[test]
fn a_link_that_is_no_web_address_is_no_link() {
    let mut results = support::sample();
    results.expectations[0].link = Some("javascript:alert(1)".to_owned());
    assert!(!rendered(&results).contains("javascript:"));
}

#[test]
fn every_outcome_class_has_its_colours() {
    let page = page();
    for class in ["good", "known", "bad", "unsure", "quiet"] {
        assert!(page.contains(&format!(".{class} {{ --tone:")), "{class}");
    }
}

#[test]
fn an_empty_plan_says_so() {
    let page = rendered(&support::nothing());
    assert!(page.contains("Nothing ran: the plan is empty."));
}
