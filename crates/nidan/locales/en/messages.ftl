# Texts of messages. No URL in any of them.
# An SMS fits one segment (160 units): the first that fits of the text, its -compact and its -shortest form is sent. Its last line has the fixed form from which phones fill the code in.

sms-sign-in =
    { $code } is your { $brand } sign-in code. Enter it only if your screen shows { $tag }. Text { $serial } today. We never ask for it by phone.
    @{ $domain } #{ $code }
sms-sign-in-compact =
    { $code } is your { $brand } code. Only if your screen shows { $tag } (text { $serial }).
    @{ $domain } #{ $code }
sms-sign-in-shortest =
    { $brand }: { $code } ({ $tag }, text { $serial })
    @{ $domain } #{ $code }
sms-setup =
    { $code } is your { $brand } code for setting up two-step verification. If you did not ask for it, ignore this text.
    @{ $domain } #{ $code }
sms-setup-compact =
    { $code } is your { $brand } setup code. Not you? Ignore it.
    @{ $domain } #{ $code }
sms-setup-shortest =
    { $brand } setup code: { $code }
    @{ $domain } #{ $code }

# Texts of e-mails: a line is one line, however long (whoever reads it wraps it); an empty line ends a paragraph. No domain
# either: mail programs make a link of it.

email-subject = { $brand }: { $title }
email-footer =
    This email was sent automatically, and nobody reads replies to it.
    Emails from { $brand } about signing in and codes never contain a link. If you get one that does, do not open the link and delete the email.

email-confirm-title = Your code to confirm this address
email-confirm-body =
    Thank you for using { $brand }. Enter this code on the page that you have open.

    Code: { $code }

    Letters on your screen: { $tag } (message { $serial } today)
    If your screen does not show { $tag }, do not enter the code.

    Tell the code to nobody. { $brand } never asks you for it.

    If this means nothing to you, delete this email. Somebody may have mistyped an address. Without the code, nothing is registered.

email-address-in-use-title = You already have an account
email-address-in-use-body =
    Somebody asked to open a new account at { $brand } with this email address. You already have an account with it, so no new one was opened.

    If it was you: open { $brand } the usual way and sign in.

    If it was not: there is nothing to do. Your account is unchanged.

email-device-reuse-title = We signed out one of your trusted devices
email-device-reuse-body =
    An old sign-in of one of your trusted devices was used again. That means the same sign-in exists in two places. To be safe we signed that device out and stopped trusting it.

    What to do
    1. Open { $brand } the usual way and sign in. You will be asked for a code.
    2. On the Security page, look for sign-ins under recent activity that were not yours.
    3. If there are any, press "Sign out everywhere".

    This notice can also come after you restored a browser from a backup or moved it to another computer.

email-two-step-on-title = Two-step verification is on
email-two-step-on-body =
    Two-step verification is now on for your account at { $brand }. From now on, somebody who learns your password cannot sign in with it alone.

    When you sign in on a new device, you enter a 6-digit code after your password. Tell the code to nobody. { $brand } never asks you for it.

    If you did not turn this on: open { $brand } the usual way, sign in, check your methods and recent activity on the Security page, and press "Sign out everywhere".

# What `nidan route test` sends.
route-test-sms = { $brand }: this is a test message (route { $route }). There is nothing to do.
route-test-title = Test message
route-test-body =
    This is a test email from { $brand } (route { $route }). There is nothing to do.
