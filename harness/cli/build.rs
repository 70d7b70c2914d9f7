//! Scenarios and containers ride inside the binary; a changed file in them must rebuild it.

fn main() {
    println!("cargo:rerun-if-changed=../../scenarios");
    println!("cargo:rerun-if-changed=../../containers");
}
