//! What a tenant is: organization, domains, licences.

use serde_json::{Value, json};

use super::{
    super::{
        credential::stamp,
        jwt::guid,
        refusal::Failure,
        tenant::{Licence, Tenant},
    },
    Outcome, Request,
};

impl Request<'_> {
    pub(super) fn organizations(&self) -> Outcome {
        self.caller.read(&["Organization.Read.All", "Directory.Read.All"])?;
        let organization = organization(self.tenant());
        self.list("organization", vec![organization])
    }

    pub(super) fn organization(&self, id: &str) -> Outcome {
        self.caller.read(&["Organization.Read.All", "Directory.Read.All"])?;
        if !self.tenant().id.eq_ignore_ascii_case(id) {
            return Err(Failure::missing(id));
        }
        Ok(self.one("organization", organization(self.tenant()), &[]))
    }

    pub(super) fn domains(&self) -> Outcome {
        self.caller.read(&["Domain.Read.All", "Directory.Read.All"])?;
        self.list("domains", self.tenant().domains.clone())
    }

    pub(super) fn domain(&self, name: &str) -> Outcome {
        self.caller.read(&["Domain.Read.All", "Directory.Read.All"])?;
        let domain = self.tenant().domain(name).cloned().ok_or_else(|| Failure::missing(name))?;
        Ok(self.one("domains", domain, &[]))
    }

    pub(super) fn federation(&self, name: &str) -> Outcome {
        self.caller.read(&["Domain.Read.All", "Directory.Read.All"])?;
        let domain = self.tenant().domain(name).ok_or_else(|| Failure::missing(name))?;
        let federated = domain["authenticationType"] == "Federated";
        let one = json!({
            "@odata.type": "#microsoft.graph.internalDomainFederation",
            "id": guid(name),
            "displayName": "Sign-in of the company",
            "issuerUri": format!("http://{name}/adfs/services/trust"),
            "metadataExchangeUri": format!("https://sts.{name}/adfs/services/trust/mex"),
            "passiveSignInUri": format!("https://sts.{name}/adfs/ls"),
            "activeSignInUri": format!("https://sts.{name}/adfs/services/trust/2005/usernamemixed"),
            "signOutUri": format!("https://sts.{name}/adfs/ls"),
            "preferredAuthenticationProtocol": "wsFed",
            "federatedIdpMfaBehavior": "rejectMfaByFederatedIdp",
        });
        let all = if federated { vec![one] } else { Vec::new() };
        self.list(&format!("domains('{name}')/federationConfiguration"), all)
    }

    pub(super) fn licences(&self) -> Outcome {
        self.caller.read(&["Organization.Read.All", "Directory.Read.All", "LicenseAssignment.ReadWrite.All"])?;
        let tenant = self.tenant();
        let all = tenant.licences.iter().map(|licence| subscription(tenant, licence)).collect();
        self.list("subscribedSkus", all)
    }
}

fn organization(tenant: &Tenant) -> Value {
    let verified = tenant.domains.iter().filter(|domain| domain["isVerified"] == true);
    let verified: Vec<Value> = verified
        .map(|domain| {
            json!({
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": domain["isDefault"],
                "isInitial": domain["isInitial"],
                "name": domain["id"],
                "type": domain["authenticationType"],
            })
        })
        .collect();
    let plan = |name: &str, id: &str| {
        json!({
            "assignedDateTime": stamp(tenant.created),
            "capabilityStatus": "Enabled",
            "service": name,
            "servicePlanId": id,
        })
    };
    let plans = tenant.licences.iter().flat_map(|licence| licence.plans);
    json!({
        "id": tenant.id,
        "displayName": tenant.name,
        "tenantType": "AAD",
        "createdDateTime": stamp(tenant.created),
        "deletedDateTime": null,
        "businessPhones": [],
        "city": null,
        "country": null,
        "countryLetterCode": "US",
        "defaultUsageLocation": "US",
        "marketingNotificationEmails": [],
        "onPremisesLastSyncDateTime": null,
        "onPremisesSyncEnabled": null,
        "postalCode": null,
        "preferredLanguage": "en",
        "provisionedPlans": [],
        "securityComplianceNotificationMails": [],
        "securityComplianceNotificationPhones": [],
        "state": null,
        "street": null,
        "technicalNotificationMails": [format!("admin@{}", tenant.domain)],
        "assignedPlans": plans.map(|(name, id)| plan(name, id)).collect::<Vec<_>>(),
        "verifiedDomains": verified,
    })
}

fn subscription(tenant: &Tenant, licence: &Licence) -> Value {
    json!({
        "id": format!("{}_{}", tenant.id, licence.sku),
        "accountId": tenant.id,
        "accountName": tenant.label,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": tenant.consumed(licence.sku),
        "prepaidUnits": { "enabled": licence.bought, "lockedOut": 0, "suspended": 0, "warning": 0 },
        "servicePlans": licence.services(),
        "skuId": licence.sku,
        "skuPartNumber": licence.part,
        "subscriptionIds": [guid(&format!("{} {}", tenant.id, licence.part))],
    })
}
