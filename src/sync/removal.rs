//! Taking an object away at the target, as the target's policy says.

use serde_json::{Value, json};

use super::create::by_key;
use super::decide::Reason;
use super::put::applied;
use super::session::Guarded;
use super::spec::Deprovision;
use super::worker::{Flow, Trial, finish};
use crate::connector::FailureClass;
use crate::domain::plan::{Change, Op};
use crate::store::links::LinkRow;

/// How an account is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is made inactive.
    Disable,
    /// It is deleted.
    Delete,
    /// It is let go.
    Unlink,
}

/// How the account of an object of a type is taken away under a policy.
pub fn removal(policy: Deprovision, kind: &str) -> Removal {
    match (policy, kind) {
        (Deprovision::Unlink, _) => Removal::Unlink,
        // Users alone can be inactive.
        (Deprovision::Disable, "user") => Removal::Disable,
        _ => Removal::Delete,
    }
}

/// Whether the account is known to be inactive.
pub fn is_inactive(link: &LinkRow) -> bool {
    link.applied_hash.is_some() && applied(link).get("active") == Some(&Value::Bool(false))
}

impl Trial<'_> {
    /// Takes the object away.
    pub(super) async fn remove(&mut self, reason: Reason) -> Flow {
        if reason == Reason::Gone && self.out.link.tombstone.is_none() {
            let seen = json!({"deleted": self.engine.now().to_string()});
            self.out.link.tombstone = Some(seen.to_string());
        }
        if self.out.link.remote_id.is_none() {
            // A create was never answered: what it made, if anything, is found by the key.
            match self.search(&[by_key(self.out.link.key.to_string().into())]).await? {
                None => {
                    self.patient()?;
                    return self.forgotten();
                }
                Some(hit) => self.out.link.remote_id = Some(hit.id),
            }
        }
        match removal(self.session.deprovision, &self.out.link.kind) {
            Removal::Unlink => {
                self.guarded(Guarded::Removal, "the account would be let go").await?;
                self.log("unlink", "done", None, &[], self.engine.now(), std::time::Instant::now());
                self.forgotten()
            }
            Removal::Disable => self.disable(reason).await,
            Removal::Delete => self.delete().await,
        }
    }

    async fn disable(&mut self, reason: Reason) -> Flow {
        let mut base = applied(&self.out.link);
        let inactive = is_inactive(&self.out.link);
        if self.out.link.status != "deprovisioned" || !inactive {
            if !inactive {
                if base.get("active") != Some(&Value::Bool(false)) {
                    self.guarded(Guarded::Removal, "the account would be made inactive").await?;
                }
                let change = Change { op: Op::Replace, path: "active".to_owned(), value: Some(false.into()) };
                match self.send("disable", &[change], None, None).await {
                    Ok(()) => {}
                    Err(failure) if failure.class == FailureClass::Missing => {
                        // Nothing is left to disable, if the target is the right one.
                        return match self.vanished().await? {
                            None => self.forgotten(),
                            Some(_) => self.fail(failure).await,
                        };
                    }
                    Err(failure) => return self.fail(failure).await,
                }
            }
            base.insert("active".to_owned(), false.into());
            let now = self.engine.now();
            let link = &mut self.out.link;
            link.applied_hash = Some(crate::domain::plan::digest(&base).to_vec());
            link.applied = Some(Value::Object(base).to_string());
            link.applied_at = Some(now);
        }
        finish(&mut self.out.link);
        self.out.link.status = "deprovisioned".to_owned();
        self.out.link.error = Some(reason.text().to_owned());
        Ok(())
    }

    async fn delete(&mut self) -> Flow {
        self.guarded(Guarded::Removal, "the account would be deleted").await?;
        let (kind, id) = self.address();
        let connector = self.session.connector.clone();
        match self.call("delete", &[], connector.delete(&kind, &id)).await {
            Ok(()) => self.forgotten(),
            Err(failure) if failure.class == FailureClass::Missing => match self.vanished().await? {
                None => self.forgotten(),
                Some(hit) if hit.id != id => {
                    // It has another id now; the next time that one goes.
                    self.out.link.remote_id = Some(hit.id);
                    self.out.link.due = Some(self.engine.retry_at(0));
                    Ok(())
                }
                Some(_) => self.fail(failure).await,
            },
            Err(failure) => self.fail(failure).await,
        }
    }

    fn forgotten(&mut self) -> Flow {
        finish(&mut self.out.link);
        self.out.forget = true;
        self.out.departed = true;
        Ok(())
    }
}
