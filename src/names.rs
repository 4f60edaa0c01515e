//! "Did you mean": the known name that is nearest to an unknown one.

/// The nearest of `known` to `name`, when it is near enough to be a slip of the keyboard.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    #[test]
    fn finds_slips_and_nothing_else() {
        let known = ["test_target", "test_targets", "unlock"];
        assert_eq!(super::nearest("test_tragets", known), Some("test_targets"));
        assert_eq!(super::nearest("Unlok", known), Some("unlock"));
        assert_eq!(super::nearest("discover", known), None);
    }
}
