//! What a stranger with the right password gets, and what the owner keeps: through HTTP alone, on both databases, with the clock
//! in the test's hand.

mod budgets;
mod ladder;
mod lock_out;
mod new_password;
mod notices;
mod passwords;
mod sources;
mod thief;

use nidan_core::time::Span;
use serde_json::{Value, json};

use crate::app::{TestServer, wait_for};
use crate::client::{Answer, Client};
use crate::owner::{EMAIL, Owner, PHONE};

/// An owner with a device on which the second step was completed, and the site that the owner signs in to.
struct Scene<'a> {
    server: &'a TestServer,
    site: Client,
    owner: Owner,
    device: String,
}

impl<'a> Scene<'a> {
    async fn new(server: &'a TestServer) -> Self {
        let site = server.site().await;
        let owner = Owner::with_two_methods(server, &site).await;
        let mut scene = Self { server, site, owner, device: String::new() };
        scene.device = scene.complete(&scene.thief().await).await.text("/device_token");
        server.clock.advance(Span::minutes(30));
        scene
    }

    /// The right password from a device that nobody knows.
    async fn thief(&self) -> Answer {
        self.owner.sign_in(&self.site).await.expect(201)
    }

    /// Types the code that came by SMS.
    async fn complete(&self, begun: &Answer) -> Answer {
        let code = self.server.phone.sms_code(PHONE).await;
        self.type_code(begun, &code).await.expect(200)
    }

    async fn type_code(&self, begun: &Answer, code: &str) -> Answer {
        self.site.post_json(&format!("/api/v1/sign-ins/{}/code", begun.text("/id")), &json!({"code": code})).await
    }

    /// The owner signs in on the known device, and gets its code at the first message.
    async fn owner_signs_in(&mut self) {
        let mut body = self.owner.password();
        body["client"]["device_token"] = Value::from(self.device.as_str());
        let begun = self.site.post_json("/api/v1/sign-ins", &body).await.expect(201);
        assert_eq!(begun.text("/status"), "code_required", "{}", begun.body);
        self.device = self.complete(&begun).await.text("/device_token");
    }

    /// Lets the codes under way die, and waits until the server has looked at them.
    async fn codes_die(&self) {
        self.server.clock.advance(Span::minutes(11));
        let now = self.server.app.clock.now();
        wait_for("codes that died to be looked at", async || {
            self.server.app.codes_died.are_looked_at(now).then_some(())
        })
        .await;
    }

    /// SMS that carried a code, and e-mails by their subject, that the test has not looked at; they count as looked at from here.
    fn arrived(&self) -> (usize, usize, Vec<String>) {
        let sms = self.server.phone.take(PHONE);
        let codes = sms.iter().filter(|message| message.contains('#')).count();
        (codes, sms.len() - codes, self.server.phone.take(EMAIL))
    }
}
