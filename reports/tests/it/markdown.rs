use super::support;
use countersign_reports as reports;
use reports::Glossary;

#[test]
fn every_state() {
    insta::assert_snapshot!(reports::markdown::render(&support::sample(), &Glossary::default()));
}

#[test]
fn who_connects() {
    let page = reports::markdown::render(&support::clients(), &Glossary::default());
    assert!(page.contains(
        "**2 of 2 clients get in under every signing policy, 1 of them always signed on Appliance.**"
    ));
}

#[test]
fn clients_that_people_run() {
    let page = reports::markdown::render(&support::software(), &Glossary::default());
    support::assert_harmless(&page);
    assert!(!page.contains("<script"));
    insta::assert_snapshot!(page);
}

#[test]
fn hostile_text_is_text() {
    let page = reports::markdown::render(&support::sample(), &Glossary::default());
    support::assert_harmless(&page);
    assert!(!page.contains("<script"));
}
