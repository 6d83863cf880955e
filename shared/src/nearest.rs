//! Words for error messages: the name that was probably meant, and lists of names.

/// The name nearest to the one given, if it is near enough to be a slip.
pub fn nearest<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let slips = 1 + given.chars().count() / 4;
    let far = |name: &str| strsim::osa_distance(&given, &name.to_lowercase());
    // Each slip changes the length by one at most, so a very long text is near to no name and is not compared letter by letter.
    let length = given.chars().count();
    names
        .into_iter()
        .filter(|name| name.chars().count().abs_diff(length) <= slips)
        .map(|name| (far(name), name))
        .filter(|(far, _)| *far <= slips)
        .min_by_key(|(far, _)| *far)
        .map(|(_, n)| n)
}

/// Names in back quotes: `` `a`, `b` and `c` ``.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
