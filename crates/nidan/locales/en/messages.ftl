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
sms-password-known = { $brand }: someone has your right password{ $serial ->
        [0] {""}
        [one] {" "}and tried to sign in
       *[other] {" "}and tried to sign in { $serial } times
    }. All stopped. Not you? Open { $brand } the usual way and change it.
sms-password-known-shortest = { $brand }: sign-in stopped. Change your password.
sms-password-known-compact = { $brand }: sign-ins with your password stopped{ $serial ->
        [0] {""}
       *[other] {" "}({ $serial })
    }. Not you? Change it.

# Texts of e-mails: a line is one line, however long (whoever reads it wraps it); an empty line ends a paragraph. No domain
# either: mail programs make a link of it.

email-subject = { $brand }: { $title }
email-footer =
    This email was sent automatically, and nobody reads replies to it.
    Emails from { $brand } about signing in and codes never contain a link. If you get one that does, do not open the link and delete the email.

# At the end of notices. The page on which they are answered is found from the sign-in page.
email-reference =
    You can answer this notice without signing in: open the sign-in page of { $brand } the usual way, choose "Answer a notice", enter this reference and say whether it was you. It is good for 7 days. The reference is no code.

    Reference: { $reference }

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

email-password-known-title = Somebody may have your password
email-password-known-body =
    Somebody tried to sign in to your account at { $brand } with the right password{ $serial ->
        [0] {""}
        [one] {" "}once
       *[other] {" "}{ $serial } times
    }. Nobody typed the code, so nobody got in that way. To protect you, we send no SMS for now when somebody signs in on a device that we do not know.

    If it was not you: open { $brand } the usual way and change the password. Sign-ins on new devices then work again.

    If it was you: on devices on which you have signed in before, and with the authenticator app, everything works as usual.

email-password-known-summary-title = More sign-in attempts were stopped
email-password-known-summary-body =
    Since our last email, { $serial ->
        [one] one more sign-in attempt
       *[other] { $serial } more sign-in attempts
    } with the right password on a device that we do not know { $serial ->
        [one] was
       *[other] were
    } stopped at { $brand }.

    If you have not changed the password yet: open { $brand } the usual way and change it. We write at most once a day about this.

email-second-step-missed-title = A sign-in was not completed
email-second-step-missed-body =
    Somebody entered the right password of your account at { $brand } on a device that we do not know, but not the right code.

    If it was you: there is nothing to do.

    If it was not: somebody has your password. Open { $brand } the usual way and change it. Tell no code to anybody who asks for it.

email-success-after-failures-title = You signed in, after attempts that failed
email-success-after-failures-body =
    You have just signed in to { $brand }. Before that, somebody had entered your right password and wrong codes on a device that we do not know.

    If that was you: there is nothing to do.

    If it was not: somebody has your password. Open { $brand } the usual way and change it, and check the recent activity on the Security page.

email-release-title = Your release key
email-release-body =
    This key releases one SMS for the sign-in at { $brand } that you have open. Enter it on that page only.

    Release key: { $code }

    Tell the key to nobody. { $brand } never asks you for it.

    If you are not signing in: somebody has your password. Do not use the key, open { $brand } the usual way and change the password.

email-device-guessed-title = A device of yours is no longer known
email-device-guessed-body =
    Too many wrong codes were entered on a device on which you had signed in to { $brand } before. To be safe, we no longer treat it as one of your devices. The next sign-in on it is checked like one on a new device.

    If it was you: open { $brand } the usual way and sign in again.

    If it was not: somebody may have that device and your password. Open { $brand } the usual way and change the password.

email-password-changed-title = Your password was changed
email-password-changed-body =
    The password of your account at { $brand } was changed. Other devices were signed out, and none is trusted any more.

    If it was you: there is nothing to do.

    If it was not: somebody is in your account. Answer "This was not me" with the reference below right away: it signs everybody out.

# What `nidan route test` sends.
route-test-sms = { $brand }: this is a test message (route { $route }). There is nothing to do.
route-test-title = Test message
route-test-body =
    This is a test email from { $brand } (route { $route }). There is nothing to do.
