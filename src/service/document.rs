//! What all services' OpenAPI documents have in common.

use utoipa::openapi::{
    Content, Info, OpenApi, Ref, RefOr, ResponseBuilder, Server,
    extensions::ExtensionsBuilder,
    path::{Operation, PathItem},
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};
use utoipa::{PartialSchema, ToSchema};

use super::problem::{MEDIA_TYPE, Said};

/// The body parameter's name: OpenAPI 3 has no place for it, so the document says it as Swashbuckle does and as code generators
/// read it.
const BODY: &str = "req";

/// What any operation may be answered beside its own.
const REFUSALS: [(&str, &str); 13] = [
    ("400", "The request is not as the operation needs it"),
    ("401", "No token, or a wrong one"),
    ("404", "What it is about is not there"),
    ("405", "The operation is not called with this method"),
    ("408", "The request's body did not arrive in time"),
    ("409", "It goes against what is there"),
    ("413", "The request's body is too large"),
    ("415", "The request's body is not JSON"),
    ("424", "Another service has refused, or was not reached: the cloud, an agent"),
    ("429", "Too many wrong tokens came from this address"),
    ("500", "The service has a fault of its own, or its store cannot be used"),
    ("503", "The service does as much as it may at once"),
    ("504", "The operation takes too long; it goes on"),
];

/// The document with what the floor adds to it.
pub(super) fn finished(mut document: OpenApi, name: &str, about: &str) -> OpenApi {
    document.info = Info::new(format!("Libretto {name}"), env!("CARGO_PKG_VERSION").to_owned());
    document.info.description = Some(about.to_owned());
    document.servers = Some(vec![Server::new("/")]);
    document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("What the service's `token` command prints"));
    components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
    components.schemas.insert(Said::name().into_owned(), Said::schema());
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(complete);
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

fn complete(operation: &mut Operation) {
    for (status, about) in REFUSALS {
        if operation.responses.responses.contains_key(status) {
            continue;
        }
        let problem = Content::new(Some(Ref::from_schema_name(Said::name())));
        let refusal = ResponseBuilder::new().description(about).content(MEDIA_TYPE, problem).build();
        operation.responses.responses.insert(status.to_owned(), RefOr::T(refusal));
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.extensions.get_or_insert_default().merge(ExtensionsBuilder::new().add("x-bodyName", BODY).build());
        let named = ExtensionsBuilder::new().add("x-codegen-request-body-name", BODY).build();
        operation.extensions.get_or_insert_default().merge(named);
    }
}
