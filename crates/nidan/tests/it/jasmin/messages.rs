//! Texts that arrive as they were sent, and receipts that find their way back.

use nidan_core::ledger::State;

use super::{Jasmin, Service, arrives, code};
use crate::smsc::Smsc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs ./check gateways"]
async fn texts_arrive_as_they_were_sent() {
    let smsc = Smsc::start();
    let jasmin = Jasmin::start(&smsc, None);
    for (number, brand, language, data_coding) in
        [("09012340101", "𠮷屋", "ja", 8), ("09012340201", "Example", "en", 0)]
    {
        let service = Service::start(&jasmin, &smsc, |settings| settings.site.name = brand.into()).await;
        let (owner, method) = service.with_phone(number, language).await;
        let message = arrives(&smsc, number).await;
        let code = code(&message);
        let text = match language {
            "ja" => format!(
                "【{brand}】2段階認証の設定コード {code}\nお心当たりがなければ破棄してください\n@localhost #{code}"
            ),
            _ => format!(
                "{code} is your {brand} code for setting up two-step verification. If you did not ask for it, ignore \
                 this text.\n@localhost #{code}"
            ),
        };
        assert_eq!(message["text"], text);
        assert_eq!(message["data_coding"], data_coding);
        service.comes_to(&owner, State::Delivered).await;
        owner.confirm(&service.site, &method, &code).await.expect(200);
        service.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs ./check gateways"]
async fn receipts_say_what_became_of_a_message() {
    let smsc = Smsc::start();
    let jasmin = Jasmin::start(&smsc, None);
    let service = Service::start(&jasmin, &smsc, |_| {}).await;
    // By the last two digits: DELIVRD, UNDELIV, EXPIRED, REJECTD, and DELIVRD twice.
    for (number, state) in [
        ("09012340001", State::Delivered),
        ("09012340002", State::Undelivered),
        ("09012340003", State::Expired),
        ("09012340004", State::Undelivered),
        ("09012340009", State::Delivered),
    ] {
        let (owner, _) = service.with_phone(number, "ja").await;
        arrives(&smsc, number).await;
        service.comes_to(&owner, state).await;
        assert_eq!(service.states(&owner).await.len(), 1, "{number}");
    }
    service.finish().await;
}
