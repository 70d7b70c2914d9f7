//! Whether what is written can be read, and what can be pressed has a name: by WCAG 2.2, as the browser shows it.

use super::driver::{Page, browse};
use super::{glossary, support};
use countersign_reports as reports;
use serde_json::{Value, json};

/// Everything that is too close to what is behind it (1.4.3: 4.5 to 1, and 3 to 1 for large text), with its ratio; and how many
/// texts there are. What is disabled is exempt.
const TOO_FAINT: &str = r#"
const parts = text => { const [r, g, b, a] = text.match(/[\d.]+/g).map(Number); return { c: [r, g, b], a: a ?? 1 }; };
const over = (top, under) => top.c.map((it, i) => it * top.a + under[i] * (1 - top.a));
const sheet = document.createElement('i');
sheet.style.backgroundColor = 'Canvas';
document.body.append(sheet);
const canvas = parts(getComputedStyle(sheet).backgroundColor).c;
sheet.remove();
// Of each element once: a page has many.
const once = of => { const known = new Map(); return it => known.has(it) ? known.get(it) : known.set(it, of(it)).get(it); };
const behind = once(element => {
  if (!element) return canvas;
  const own = parts(getComputedStyle(element).backgroundColor);
  return own.a === 1 ? own.c : over(own, behind(element.parentElement));
});
const opacity = once(element => element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1);
const light = color => {
  const [r, g, b] = color.map(it => it / 255).map(it => it <= .04045 ? it / 12.92 : ((it + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const ratio = (one, other) => {
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + .05) / (low + .05);
};
const seen = [], faint = [];
const look = (element, color, what) => {
  const style = getComputedStyle(element);
  const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
  const back = behind(element), own = parts(color);
  const got = ratio(over({ c: own.c, a: own.a * opacity(element) }, back), back);
  const wanted = size >= 24 || bold && size >= 18.66 ? 3 : 4.5;
  seen.push(got);
  if (got < wanted) faint.push(`${got.toFixed(2)} to 1: ${element.tagName}.${element.className.baseVal ?? element.className}: ${what}`);
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement, said = texts.currentNode.textContent.trim();
  if (!said || !element.checkVisibility({ visibilityProperty: true }) || element.closest('.hidden, .skip, :disabled, script, style, option')) continue;
  const style = getComputedStyle(element);
  look(element, element.closest('svg') ? style.fill : style.color, said.slice(0, 40));
}
for (const input of document.querySelectorAll('input[placeholder]')) {
  if (input.checkVisibility()) look(input, getComputedStyle(input, '::placeholder').color, 'placeholder');
}
for (const chosen of document.querySelectorAll('select')) {
  if (chosen.checkVisibility()) look(chosen, getComputedStyle(chosen).color, 'chosen');
}
return [seen.length, [...new Set(faint)]];
"#;

async fn is_readable(page: &Page, what: &str) -> u64 {
    let found = page.ask(TOO_FAINT).await;
    assert_eq!(found[1], json!([]), "{what}");
    found[0].as_u64().unwrap()
}

/// The roles of what a reader can use or go to.
const NAMED: [&str; 11] = [
    "link",
    "button",
    "textbox",
    "searchbox",
    "combobox",
    "region",
    "navigation",
    "dialog",
    "table",
    "image",
    "heading",
];

/// The roles there are, each of which has a name in the tree that the browser gives to a screen reader.
async fn roles(page: &Page, what: &str) -> Vec<String> {
    let tree = page.tell("Accessibility.getFullAXTree", json!({})).await;
    let mut there = Vec::new();
    for node in tree["nodes"].as_array().unwrap() {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if node["ignored"] == Value::Bool(true) || !NAMED.contains(&role) {
            continue;
        }
        let name = node["name"]["value"].as_str().unwrap_or_default();
        assert!(!name.trim().is_empty(), "{what}: a {role} without a name: {node}");
        there.push(role.to_owned());
    }
    there
}

#[test]
fn everything_can_be_read_in_light_and_in_dark() {
    for (name, results) in
        [("every state", support::sample()), ("clients", support::clients()), ("nothing", support::nothing())]
    {
        let html = reports::html::render(&results, &glossary(), Some(&support::matrix())).unwrap();
        browse(&html, 1280, async |page| {
            for scheme in ["light", "dark"] {
                page.prefer(scheme).await;
                page.ask("document.querySelectorAll('details').forEach(it => { it.open = true; })").await;
                let there = is_readable(&page, &format!("{name}, {scheme}")).await;
                assert!(there > 10, "{name}, {scheme}: {there} texts");
                if let Some(index) = results.cases.iter().position(|case| !case.frames.is_empty()) {
                    page.go(&format!("#c{index}")).await;
                    let with_case = is_readable(&page, &format!("a case of {name}, {scheme}")).await;
                    assert!(with_case > there, "{name}, {scheme}: the case is not looked at");
                    page.press_escape().await;
                }
            }
        });
    }
}

#[test]
fn so_can_the_kill_matrix() {
    browse(&reports::selftest::html(&support::matrix()).unwrap(), 1280, async |page| {
        for scheme in ["light", "dark"] {
            page.prefer(scheme).await;
            assert!(is_readable(&page, scheme).await > 10);
        }
        assert!(roles(&page, "the matrix").await.contains(&"table".to_owned()));
    });
}

#[test]
fn a_text_that_is_too_faint_is_found() {
    let html = reports::html::render(&support::sample(), &glossary(), None).unwrap();
    browse(&html, 1280, async |page| {
        page.prefer("light").await;
        page.ask("const it = document.querySelector('footer p'); it.style.color = '#888'; it.textContent = 'faint'").await;
        let found = page.ask(TOO_FAINT).await;
        assert_eq!(found[1], json!(["3.54 to 1: P.: faint"]));
        // Half of it shows through.
        page.ask(
            "const it = document.querySelector('footer p'); it.style.color = '#000'; it.style.opacity = .4",
        )
        .await;
        assert_eq!(page.ask(TOO_FAINT).await[1].as_array().unwrap().len(), 1);
    });
}

#[test]
fn everything_that_can_be_used_has_a_name() {
    for results in [support::sample(), support::clients(), support::nothing()] {
        let html = reports::html::render(&results, &glossary(), Some(&support::matrix())).unwrap();
        browse(&html, 1280, async |page| {
            page.ask("document.querySelectorAll('details').forEach(it => { it.open = true; })").await;
            let there = roles(&page, "the page").await;
            let Some(index) = results.cases.iter().position(|case| !case.frames.is_empty()) else { return };
            for role in
                ["link", "button", "searchbox", "combobox", "region", "navigation", "table", "heading"]
            {
                assert!(there.iter().any(|it| it == role), "{role}: {there:?}");
            }
            page.go(&format!("#c{index}")).await;
            let there = roles(&page, "a case").await;
            assert!(
                there.contains(&"dialog".to_owned()) && there.contains(&"button".to_owned()),
                "{there:?}"
            );
        });
    }
}
