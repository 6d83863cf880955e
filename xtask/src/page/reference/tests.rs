//! The page as it would be built, from this checkout's own files.

use super::*;

fn sources() -> Sources {
    Sources::read(&Project::here().unwrap()).unwrap()
}

fn whole(sources: &Sources) -> String {
    page(sources, ["base-0.css", "reference-0.css", "reference-0.js"])
}

/// Every key in the schema with its description: what the page must have.
fn all_keys(schema: &Value) -> Vec<(String, String)> {
    let mut keys = Vec::new();
    collect(schema, &mut keys);
    keys
}

fn collect(schema: &Value, keys: &mut Vec<(String, String)>) {
    match schema {
        Value::Object(map) => {
            let properties = map.get("properties").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::iter);
            keys.extend(
                properties.map(|(key, shape)| (key.clone(), shape["description"].as_str().unwrap_or_default().to_owned())),
            );
            map.values().for_each(|value| collect(value, keys));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, keys)),
        _ => {}
    }
}

#[test]
fn every_key_of_the_schema_is_there_with_its_description() {
    let sources = sources();
    let page = whole(&sources);
    let keys = all_keys(&sources.schema);
    assert!(keys.len() > 200, "{} keys", keys.len());
    for (key, about) in keys {
        assert!(page.contains(&format!("<dt>{}", code(&key))), "{key}");
        // What is said of a key that is left out stands beside its kind.
        let about =
            about.strip_suffix(" unless said.").map_or(about.as_str(), |rest| rest.rsplit_once(". ").map_or(rest, |it| it.0));
        assert!(page.contains(&prose(about)), "{key}: {about}");
    }
}

#[test]
fn every_function_and_every_error_is_there() {
    let sources = sources();
    let page = whole(&sources);
    for function in sources.functions.as_array().unwrap() {
        assert!(page.contains(&code(function["form"].as_str().unwrap())), "{function}");
    }
    let errors = sources.cases.lines().filter_map(|line| line.strip_prefix("== "));
    assert!(errors.clone().count() >= 150);
    errors.for_each(|error| assert!(page.contains(&prose(error)), "{error}"));
}

#[test]
fn almost_every_example_opens_in_the_bench() {
    let sections = sources().sections();
    let examples = |id: &str| {
        let section = sections.iter().find(|section| section.id == id).unwrap();
        section.groups.iter().flat_map(|group| &group.entries).flat_map(|entry| &entry.examples).collect::<Vec<_>>()
    };
    assert!(examples("functions").iter().all(|example| example.opens.is_some()));
    let closed: Vec<_> = examples("errors").into_iter().filter(|example| example.opens.is_none()).collect();
    // One that would be too long, three of the command line, two that the bench never comes to.
    assert_eq!(closed.len(), 6, "{:?}", closed.iter().map(|example| &example.text).collect::<Vec<_>>());
}

#[test]
fn the_page_is_whole_and_every_link_within_it_leads_somewhere() {
    let page = whole(&sources());
    for place in ["__BASE__", "__STYLE__", "__SCRIPT__", "__LOGO__", "__CONTENTS__", "__SECTIONS__"] {
        assert!(TEMPLATE.contains(place) && !page.contains(place), "{place} was not filled");
    }
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(known.len(), ids.len(), "no id is there twice");
    for aim in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(known.contains(aim), "#{aim}");
    }
    for address in page.split(" href=\"").chain(page.split(" src=\"")).skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(address.starts_with("./") || address.starts_with('#') || address.starts_with('<'), "{address}");
    }
}

#[test]
fn what_comes_from_a_file_is_no_markup() {
    let mut sources = sources();
    let hostile = "<img src=x onerror=alert(1)>\"'&";
    sources.gallery = vec![Experiment {
        name: hostile.to_owned(),
        title: hostile.to_owned(),
        about: hostile.to_owned(),
        text: hostile.to_owned(),
    }];
    sources.functions = serde_json::json!([{ "family": hostile, "form": hostile, "name": hostile, "about": hostile, "gives": hostile,
        "example": hostile, "value": hostile }]);
    sources.schema = serde_json::json!({ "description": hostile, "properties": { hostile: { "description": hostile, "examples": [hostile],
        "oneOf": [{ "const": hostile, "description": hostile }], "enum": [hostile] } } });
    sources.cases = format!("\n## {hostile}\n== {hostile}\nmeans: {hostile}\ncure: {hostile}\ntext: {hostile}\n");
    sources.functions_notes = format!("# A\n\nmade\n\n{hostile}\n");
    let page = whole(&sources);
    assert!(!page.contains("<img") && page.contains("&lt;img src=x"), "{page}");
}

#[test]
fn paragraphs_are_those_that_are_written_for_readers() {
    let document = "# Title\n\nThis is made.\n\nFirst\nline.\n\n## A\n\nOf A.\n\n| a | b |\n\n## B\n\n| c |\n";
    assert_eq!(paragraphs(document, None), ["First line."]);
    assert_eq!(paragraphs(document, Some("A")), ["Of A."]);
    assert_eq!(paragraphs(document, Some("B")), Vec::<String>::new());
}

#[test]
fn the_numbers_of_the_model_are_those_of_the_simulator() {
    let root = Project::here().unwrap().root;
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    // A number that changes there is to be changed in modelled.html, too.
    for (path, lines) in [
        (
            "shared/src/sim/model.rs",
            &[
                "LATENCY: Span = Span::millis(1);",
                "JITTER_MAX: Span = Span::micros(200);",
                "LINK_BYTES_PER_MICRO: u64 = 125;",
                "COMPUTE_BYTES_PER_SECOND: u64 = 200_000_000;",
                "TASK_SPAN: Span = Span::millis(1);",
                "TASK_JITTER_PERMILLE: u64 = 50;",
                "STORE_LATENCY: Span = Span::micros(500);",
                "STORE_BYTES_PER_MICRO: u64 = 500;",
            ][..],
        ),
        ("shared/src/sim/messaging/wires.rs", &["AGAIN_FIRST: Span = Span::millis(200);", "AGAIN_DOUBLINGS_MAX: u32 = 3;"]),
        ("shared/src/messaging/settings.rs", &["HEARTBEAT_TIMEOUT: Span = Span::seconds(3);"]),
        (
            "shared/src/batch/timing.rs",
            &["heartbeat: Span::millis(100),\n        lost_after: Span::millis(500),\n        retry: Span::millis(80),"],
        ),
    ] {
        let source = read(path);
        lines.iter().for_each(|line| assert!(source.contains(line), "{path} has another number than `{line}`"));
    }
}
