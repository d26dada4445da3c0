//! Jobs at conditional grants beside a target: what it was shown by the condition meanwhile does not outlast the job.

use serde_json::{Value, json};

use super::Bench;

const USERS: usize = 12;
const BY_HAND: [(&str, &str); 1] = [("PROVOST_JOBS__ENABLED", "false")];

impl Bench {
    /// People whose manager is `boss`, a role without a condition, and a target of those who hold it.
    async fn company(postgres: bool) -> Self {
        let bench = Self::with(postgres, &BY_HAND);
        bench.gateway.service.limit_grants(2);
        bench.put_object("user/boss", json!({ "userName": "boss", "title": "boss" })).await;
        for n in 0..USERS {
            let user = json!({ "userName": format!("u{n:02}"), "country": "FR", "manager": { "_ref": "managed/user/boss" } });
            bench.put_object(&format!("user/u{n:02}"), user).await;
        }
        bench.put_object("role/r", json!({ "name": "r" })).await;
        let scope = json!({ "mappings": { "user": { "scope": "roles.value eq \"r\"" } }, "deprovision": "delete" });
        bench.target(scope).await;
        bench.drain().await;
        assert!(bench.held("Users").await.is_empty());
        bench
    }

    async fn put_object(&self, path: &str, body: Value) {
        let done = self.admin.put(&format!("/openidm/managed/{path}"), &body).await;
        assert!(done.status < 300, "{path}: {}", done.text);
    }

    async fn set(&self, path: &str, field: &str, value: Value) {
        let operations = match value {
            Value::Null => json!([{ "operation": "remove", "field": field }]),
            value => json!([{ "operation": "replace", "field": field, "value": value }]),
        };
        let done = self.admin.patch(&format!("/openidm/managed/{path}"), &operations).await;
        assert_eq!(done.status, 200, "{path}: {}", done.text);
    }

    /// Starts a job, and has the target see the last user by what the condition says, before the job is there.
    async fn shown_early(&self, condition: &str) {
        self.set("role/r", "/condition", json!(condition)).await;
        let jobs = self.admin.get("/admin/v1/jobs").await.body;
        assert_eq!(jobs["jobs"][0]["status"], "open", "{jobs}");
        self.set("user/u11", "/title", json!("seen")).await;
        self.drain().await;
        assert!(self.user("u11").await.is_some(), "the condition decides");
        let edges = self.admin.get("/openidm/managed/user/u11/roles?_queryFilter=true").await.body;
        assert_eq!(edges["resultCount"], 0, "{edges}");
    }

    async fn end(&self) {
        self.gateway.sync.drain_jobs().await.unwrap();
        self.drain().await;
    }
}

async fn a_condition_that_is_taken_back_is_taken_back_everywhere(postgres: bool) {
    let bench = Bench::company(postgres).await;
    bench.shown_early("/country eq \"FR\"").await;
    bench.set("role/r", "/condition", Value::Null).await;
    bench.end().await;
    assert_eq!(bench.held("Users").await, [] as [Value; 0]);
}

async fn what_held_for_a_while_only_goes_with_the_job(postgres: bool) {
    let bench = Bench::company(postgres).await;
    bench.shown_early("/manager/title eq \"boss\"").await;
    bench.set("user/boss", "/title", json!("none any more")).await;
    bench.end().await;
    assert_eq!(bench.held("Users").await, [] as [Value; 0]);
}

async fn what_holds_is_there_at_the_end(postgres: bool) {
    let bench = Bench::company(postgres).await;
    bench.shown_early("/country eq \"FR\"").await;
    bench.end().await;
    assert_eq!(bench.held("Users").await.len(), USERS);
}

macro_rules! on_both {
    ($($case:ident),+) => {
        mod sqlite {
            $(#[tokio::test] async fn $case() { super::$case(false).await; })+
        }
        mod postgres {
            $(#[tokio::test] async fn $case() { super::$case(true).await; })+
        }
    };
}

on_both!(
    a_condition_that_is_taken_back_is_taken_back_everywhere,
    what_held_for_a_while_only_goes_with_the_job,
    what_holds_is_there_at_the_end
);
