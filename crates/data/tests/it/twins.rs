//! The same organization twice, once on each store: what one answers the other must answer, to the letter.

use http::Method;
use keyholder_data::Imported;
use keyholder_dataverse::csdl::Provenance;
use keyholder_dataverse::schema::SchemaDefinition;
use keyholder_store::DatabaseOptions;
use serde_json::Value;
use uuid::Uuid;

use crate::World;
use crate::world::Reply;

/// One organization on SQLite and, where PostgreSQL is installed, its like there.
pub(crate) struct Twins {
    embedded: World,
    server: Option<World>,
}

impl Twins {
    /// Neither has sample rows of another seed or another number than its like.
    pub(crate) async fn new(sample_rows: u32) -> Self {
        let embedded = World::with(|config| {
            config.database = DatabaseOptions::ephemeral();
            config.sample_rows = sample_rows;
        });
        let embedded = embedded.await;
        let server = match keyholder_cluster::server() {
            None => None,
            Some(server) => {
                let database = keyholder_cluster::connect(&server.url("postgres"));
                let database = DatabaseOptions::postgresql(&database, server.fresh_schema()).readers(2);
                let like = World::with(|config| {
                    config.database = database;
                    config.sample_rows = sample_rows;
                });
                Some(like.await)
            }
        };
        if let Some(server) = &server {
            assert_eq!(embedded.admin_user, server.admin_user);
        }
        Self { embedded, server }
    }

    pub(crate) fn admin_user(&self) -> Uuid {
        self.embedded.admin_user
    }

    pub(crate) async fn import(&self, definition: &SchemaDefinition) -> Imported {
        let into = async |world: &World| {
            world.organization.import_schema(definition.clone(), Provenance::default()).await.unwrap()
        };
        let Some(server) = &self.server else { return into(&self.embedded).await };
        let (one, other) = tokio::join!(into(&self.embedded), into(server));
        assert_eq!(one, other);
        one
    }

    /// Asks both, as the administrator; their answers are the same.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Reply {
        let ask = async |world: &World, body| world.send(&world.admin, method.clone(), path, headers, body).await;
        let Some(server) = &self.server else { return ask(&self.embedded, body).await };
        let (one, other) = tokio::join!(ask(&self.embedded, body.clone()), ask(server, body.clone()));
        let told = |reply: &Reply| {
            let header = |name: &str| reply.header(name).to_owned();
            (reply.status, header("odata-entityid"), header("etag"), reply.text.clone())
        };
        assert_eq!(told(&one), told(&other), "{method} {path} {body:?}: SQLite, then PostgreSQL");
        one
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }
}
