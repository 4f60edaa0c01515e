//! From a licence profile to the change that Graph is asked for: which licence it is in this tenant, which plans are left out.

use crate::{
    cloud::{Licence, LicenceChange, ServicePlan},
    error::{Error, Result},
    names::nearest,
};

/// A licence and the plans of it that apply; none: all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) sku: String,
    pub(super) plans: Vec<String>,
}

/// The change that gives a user the licence. Only plans that are assigned per user can be left out.
///
/// # Errors
/// `agent.unknown_licence`, `agent.unknown_plan`.
pub(super) fn assigning(wanted: &Wanted, owned: &[Licence]) -> Result<LicenceChange> {
    let licence = find(&wanted.sku, owned)?;
    let is =
        |plan: &ServicePlan, name: &str| plan.name.eq_ignore_ascii_case(name) || plan.id.eq_ignore_ascii_case(name);
    for name in &wanted.plans {
        if licence.plans.iter().any(|plan| is(plan, name)) {
            continue;
        }
        let known = licence.plans.iter().map(|plan| plan.name.as_str());
        let hint = nearest(name, known).map_or_else(
            || format!("it has {}", licence.plans.iter().map(|plan| plan.name.as_str()).collect::<Vec<_>>().join(", ")),
            |known| format!("did you mean {known}?"),
        );
        return Err(Error::new("agent.unknown_plan", format!("{} has no service plan {name}", licence.sku)).hint(hint));
    }
    let left_out = licence.plans.iter().filter(|plan| {
        let per_user = plan.applies_to.as_deref().is_none_or(|whom| whom.eq_ignore_ascii_case("User"));
        per_user && !wanted.plans.is_empty() && !wanted.plans.iter().any(|name| is(plan, name))
    });
    let left_out = left_out.map(|plan| plan.id.clone()).collect();
    Ok(LicenceChange { add: vec![(licence.sku_id.clone(), left_out)], remove: Vec::new() })
}

/// The change that takes the licence away.
///
/// # Errors
/// `agent.unknown_licence`.
pub(super) fn removing(wanted: &Wanted, owned: &[Licence]) -> Result<LicenceChange> {
    Ok(LicenceChange { add: Vec::new(), remove: vec![find(&wanted.sku, owned)?.sku_id.clone()] })
}

fn find<'a>(sku: &str, owned: &'a [Licence]) -> Result<&'a Licence> {
    let found = owned.iter().find(|one| one.sku.eq_ignore_ascii_case(sku) || one.sku_id.eq_ignore_ascii_case(sku));
    found.ok_or_else(|| {
        let error = Error::new("agent.unknown_licence", format!("the tenant has no licence {sku}"));
        match nearest(sku, owned.iter().map(|one| one.sku.as_str())) {
            Some(known) => error.hint(format!("did you mean {known}?")),
            None => error.hint("Connections_TestConnection shows those that it has"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned() -> Vec<Licence> {
        let plan = |id: &str, name: &str, whom: &str| ServicePlan {
            id: id.to_owned(),
            name: name.to_owned(),
            status: None,
            applies_to: Some(whom.to_owned()),
        };
        vec![Licence {
            sku_id: "sku-1".to_owned(),
            sku: "SPE_E3".to_owned(),
            status: "Enabled".to_owned(),
            enabled: 5,
            used: 1,
            plans: vec![
                plan("p-1", "EXCHANGE", "User"),
                plan("p-2", "TEAMS", "User"),
                plan("p-3", "TENANT_WIDE", "Company"),
            ],
        }]
    }

    fn wanted(sku: &str, plans: &[&str]) -> Wanted {
        Wanted { sku: sku.to_owned(), plans: plans.iter().map(|&plan| plan.to_owned()).collect() }
    }

    #[test]
    fn what_a_profile_does_not_name_is_left_out_where_a_user_can_be_without_it() {
        let change = assigning(&wanted("spe_e3", &["exchange"]), &owned()).unwrap();
        assert_eq!(change.add, [("sku-1".to_owned(), vec!["p-2".to_owned()])]);
        let change = assigning(&wanted("sku-1", &[]), &owned()).unwrap();
        assert_eq!(change.add, [("sku-1".to_owned(), Vec::new())]);
        assert_eq!(removing(&wanted("SPE_E3", &[]), &owned()).unwrap().remove, ["sku-1"]);
    }

    #[test]
    fn what_the_tenant_does_not_have_is_named() {
        let error = assigning(&wanted("SPE_E5", &[]), &owned()).unwrap_err();
        assert_eq!((error.code(), error.remedy()), ("agent.unknown_licence", Some("did you mean SPE_E3?")));
        let error = assigning(&wanted("SPE_E3", &["TEAM"]), &owned()).unwrap_err();
        assert_eq!((error.code(), error.remedy()), ("agent.unknown_plan", Some("did you mean TEAMS?")));
    }
}
