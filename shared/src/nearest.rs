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

/// The names that are nearest to the one given, so many at most, whether or not one of them can have been meant.
pub fn nearest_few<'a>(given: &str, names: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    /// Letters of a name that are compared: what is longer is near to none.
    const LETTERS_MAX: usize = 64;
    let given: String = given.to_lowercase().chars().take(LETTERS_MAX).collect();
    let cost = |name: &str| {
        let name = name.to_lowercase();
        let same = given.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
        let longer = given.chars().count().max(name.chars().count()).max(1);
        // Thousandths of the letters that differ, less for a common beginning.
        (1_000 * strsim::osa_distance(&given, &name) / longer) as i64 - 150 * same.min(3) as i64
    };
    let mut found: Vec<(i64, &str)> = names.into_iter().map(|name| (cost(name), name)).collect();
    found.sort_by_key(|(cost, _)| *cost);
    found.into_iter().take(most).map(|(_, name)| name).collect()
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
