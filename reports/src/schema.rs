//! The JSON Schema of `results.json`, made from the types that write it.

use model::Results;
use model::results::SCHEMA;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The schema as text, pretty, with a newline at its end.
///
/// It describes what is written: a field that is always written is required, also where it may be `null`. Readers
/// must ignore fields they do not know: fields are added, never renamed.
#[must_use]
pub fn json() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Results>();
    schema.insert("title".to_owned(), json!("countersign results.json"));
    let mut schema = schema.to_value();
    if let Some(version) = schema.pointer_mut("/properties/schema").and_then(Value::as_object_mut) {
        version.insert("const".to_owned(), json!(SCHEMA));
    }
    // Not every build keeps objects sorted: that depends on the features other crates ask of serde_json.
    schema.sort_all_objects();
    format!("{schema:#}\n")
}
