//! What each route has cost on each day. Exact over all nodes: a message is paid for before it goes.

use nidan_core::route::Cost;

use super::{StoreError, Tx, sql};

sql! {
    CHARGE = "INSERT INTO route_day (route, day, spent) VALUES ($1, $2, $3)
              ON CONFLICT (route, day) DO UPDATE SET spent = route_day.spent + $3 WHERE route_day.spent + $3 <= $4
              RETURNING spent";
    REFUND = "UPDATE route_day SET spent = spent - $3 WHERE route = $1 AND day = $2 AND spent >= $3";
    DROP_OLD = "DELETE FROM route_day WHERE day < $1";
}

/// Pays `price` for one message of `route` on `day`; gives what the day has cost then, `None` if that would be more than `cap`.
pub async fn charge(
    tx: &mut Tx<'_>,
    route: &str,
    day: i64,
    (price, cap): (i64, i64),
) -> Result<Option<i64>, StoreError> {
    if price > cap {
        return Ok(None);
    }
    let values = [route.into(), day.into(), price.into(), cap.into()];
    tx.optional(&CHARGE, &values).await?.map(|row| row.int(0)).transpose()
}

/// Takes a payment back: the message was not taken.
pub async fn refund(tx: &mut Tx<'_>, route: &str, day: i64, cost: &Cost) -> Result<(), StoreError> {
    tx.execute(&REFUND, &[route.into(), day.into(), cost.per_message.into()]).await.map(drop)
}

/// Forgets the days before `day`.
pub async fn forget(tx: &mut Tx<'_>, day: i64) -> Result<(), StoreError> {
    tx.execute(&DROP_OLD, &[day.into()]).await.map(drop)
}
