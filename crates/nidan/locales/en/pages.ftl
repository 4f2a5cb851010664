# Texts of pages.

## On every page

skip = Skip to content
nav = Menu
demo-line = This is a demo. No SMS or email is really sent.
demo-line-link = See them on the demo phone
demo-line-start = How to start
title-error = Error:{" "}
alert-title = Please check.
back = Back
continue = Continue
start-again = Start again
sign-in = Sign in
sign-out = Sign out

## Sign-up

sign-up-title = Create an account
sign-up-lead = Choose an email address and a password. Then we guide you through two-step verification, which protects your account. It takes about 5 minutes. Keep a mobile phone that receives SMS at hand.
email-label = Email address
email-hint = We will send a code to it.
new-password-label = Password
password-rule-length = At least { $length } characters. Longer is safer.
password-rule-free = Symbols and capital letters are not required.
password-rule-common = Common passwords, and ones close to your name or email address, are refused.
password-show = Show password
sign-up-button = Create and continue
sign-up-have-account = Already have an account?
email-missing = Enter your email address.
email-not-an-address = This is not an email address. Example: hanako@example.com
password-missing = Enter a password.
password-too-short = The password is too short. Make it longer.
password-too-long = The password is too long. Make it shorter.
password-common = Many people use this password. Choose another one.
password-too-easy = This password is easy to guess, or close to your email address or the name of this site. A few unrelated words in a row make a safe one.

## Codes

code-title = Enter your code
code-label = 6-digit code
code-hint = Spaces between the digits do no harm.
code-not-a-code = Enter the 6 digits of the code.
code-too-short = After several wrong codes, this code is not enough any more. Follow what this page asks for now, or start again.
code-label-long = 8-digit code
next-code-label = The code after it
next-code-hint = Wait until the app shows its next 6 digits, and enter those here.
code-wrong = { $tries ->
    [one] This code is wrong. You have one more try.
   *[other] This code is wrong. You have { $tries } more tries.
}
code-expired = The time for this code is over. Try again with a new one.
code-already-used = This code has been used. Wait up to 30 seconds until your app shows the next one.
code-used-up = There were too many wrong codes, so this was stopped. Please start again.
code-sent-again = Sent again. The code is the same as before.
code-not-sent-wait = { $seconds ->
    [one] It was sent just now, at { $at } (letters { $tag }, message { $serial } today). It can be sent again in 1 second.
   *[other] It was sent just now, at { $at } (letters { $tag }, message { $serial } today). It can be sent again in { $seconds } seconds.
}
code-not-sent-wait-plain = { $seconds ->
    [one] It was sent just now, at { $at }. It can be sent again in 1 second.
   *[other] It was sent just now, at { $at }. It can be sent again in { $seconds } seconds.
}
code-not-sent-on-its-way = It is being sent right now. It was not sent again, so that it does not arrive twice.
code-not-sent-held = The phone company holds your SMS, so it was not sent again.
code-not-sent = It cannot be sent again. The code sent before still works.
resend = Send again
resend-waiting = It can be sent again in {"{n}"} s
resend-from = It can be sent again from { $at }.
resend-on-its-way = It is being sent right now. It can be sent again once that is done.
resend-held = The phone company is overloaded and holds your SMS. More of them would only arrive all at once, so we send no more for now. A code that comes late works until { $until }.
resend-no-more = It cannot be sent any more. The code that arrived still works.
tag-label = Letters of this screen:
sent-at = Sent { $at }, message { $serial } today

## While a message is waited for

news-sms-sending = Sending the SMS.
news-sms-handed-over = The phone company has it.
news-sms-delivered = It arrived. Look at your phone.
news-sms-failed = The SMS could not be delivered.
news-mail-sending = Sending the email.
news-mail-handed-over = The email is on its way.
news-mail-delivered = It arrived. Look in your inbox.
news-mail-failed = The email could not be delivered.
news-unknown = Unclear whether it arrived.
news-silence = No word yet that it arrived.
news-slow = SMS are slow at the moment.
news-help = If it does not come
news-reload = Update this page
news-over = This verification has ended.
news-over-done = Confirmed in another window.
instead-app = Use the authenticator app
instead-sms = Send an SMS to { $destination }

## Confirming the email address

mail-code-title = Confirm your email address
mail-sent = We sent a code to { $destination }.
mail-tag = Check that the email shows the same letters, then enter its code.
mail-code-button = Confirm
mail-missing-title = No email?
mail-missing-wait = Wait about a minute.
mail-missing-spam = Look in your spam folder.
mail-missing-typo = Check the address above for typing mistakes.
mail-wrong-address = Wrong address?
mail-start-again = Start over

## Sign-in

password-label = Password
sign-in-button = Sign in
sign-in-no-account = New to { $brand }?
sign-in-wrong = The email address or the password is wrong.
sign-in-missing = Enter your email address and your password.
sign-in-notice = Got a notice by email?
notice-signed-out = You are signed out.
notice-signed-out-everywhere = You are signed out everywhere, and no device is trusted any more.
notice-ran-out = Time ran out, so this was ended to be safe. Please sign in again.
sms-sent = We sent a code by SMS to { $destination }.
sms-tag = Enter the code only if the SMS shows the same letters.
app-open = Open your authenticator app and enter the digits it shows for “{ $brand }”.
trust-label = Trust this device
not-sent-closed = As of { $at }, no SMS is sent for this account when somebody signs in on a device that we do not know.
not-sent-later = At { $at }, we could not send an SMS for this sign-in.
not-sent-possible = What you can do
not-sent-finish = Finish the sign-in that you began before, with its code.
not-sent-known-device = Sign in on a device on which you have signed in before.
not-sent-wait = Wait a while, and sign in again.
not-sent-wait-until = Sign in again after { $from }.
not-sent-release = Have the SMS released by email
release-title = Release the SMS by email
release-lead = We send a release key to { $destination }, the email address of your account. Enter it here, and we send you the SMS.
release-send = Send the email
release-sent = The email is on its way.
release-label = Release key
release-hint = 12 letters and digits. Upper or lower case and hyphens make no difference.
release-button = Send the SMS
release-wrong = This is not the release key of this sign-in. Look at the newest email.
release-too-many = No more messages can be released today.
trust-hint = No code will be asked for on this device next time ({ $days } days at most). Clear the box if others use it too.
sms-missing-title = No SMS?
sms-missing-wait = Wait about a minute. Check that you have reception and that flight mode is off.
sms-missing-reception = Check that you have reception and that flight mode is off.
sms-missing-blocked = Check whether your phone has filtered it as spam.
sms-missing-number = If the number is wrong, press “Change number”.
other-ways = Verify another way
other-ways-lead = How would you like to verify?
method-sms = SMS
method-app = Authenticator app
way-sms = We send you a code by SMS
way-app = Enter the 6 digits that the app shows
way-current = In use now

## Setting up two-step verification

steps = Steps of the setup (3 in all)
step-email = Email
step-phone = Phone
step-app = App
step-done = done
setup-later = You can stop at any time. When you sign in again, you continue from here.

phone-title = Add your phone number
phone-why = Passwords get into the wrong hands without anybody noticing. With two-step verification, nobody can sign in without the digits that arrive on your phone, even with your password.
phone-next = Enter your number and we send you a 6-digit code by SMS. You type that code on the next page.
phone-label = Mobile phone number
phone-hint = Example: 090-1234-5678 (with or without hyphens)
phone-button = Send a code by SMS
phone-missing = Enter your mobile phone number.
phone-not-a-number = We could not read this as a phone number. Write it like 090-1234-5678.
phone-ambiguous = This could be two different numbers. Write it from the first 0, like 090-1234-5678.
phone-foreign = Enter a Japanese mobile number. We cannot send to numbers abroad.
phone-ip = Numbers starting with 050 cannot receive SMS. Enter a mobile number (090, 080, 070…).
phone-no-sms = This number cannot receive SMS. Enter a mobile number (090, 080, 070…).
phone-too-many = Too many messages went to this number. Please wait some time and try again.
phone-code-title = Enter the code from the SMS
phone-sent = Sent to { $destination } ({ $at }). Open the SMS and enter its 6 digits.
phone-change = Change number

app-title = Add an authenticator app
app-why = This is your second method, for when your phone number cannot be used. An authenticator app shows 6 digits for signing in. It is free and works without reception.
app-start-button = Start
app-get-title = Get an app
app-get-text = Google Authenticator, Microsoft Authenticator, 1Password: use the one you like.
app-get-where = If you have none yet, search for one of these names in your phone’s app store and install it.
app-scan-title = Scan this with the app
app-scan-text = Press “+” or “Add” in the app and scan this QR code.
app-qr-label = QR code for your authenticator app. If you cannot scan it, type the key below.
app-this-phone = Add to an app on this device
app-type-title = Cannot scan it?
app-type-text = Choose “Enter a key” or the like in the app, and type this. The spaces may be left out.
app-copy = Copy the key
app-copied = Copied
app-code-title = Enter the digits it shows
app-code-hint = The digits in the app change every 30 seconds. Enter the ones shown now.
app-button = Add and finish

done-title = Two-step verification is on
done-text = Well done. From now on, nobody can sign in with your password alone. These are your two methods:
done-next-title = Signing in from now on
done-next-new-device = On a new device, you enter a code after your password.
done-next-trusted = On a device that you choose to trust, the password is enough from then on.
done-next-nobody = Never tell a code to anybody who asks for it.
done-next-one-phone = If SMS and app are on one phone, losing it loses both. It is safer to add the app on another device too, such as a tablet.
done-button = Go to Security

## Security

security-title = Security
security-on = Two-step verification is on (since { $day })
methods-title = Verification methods
role-primary = Primary
role-backup = Backup
since = added { $day }
devices-title = Trusted devices
devices-text = These devices sign in without a code. Remove those that you no longer use.
devices-none = There are no trusted devices.
last-used = Last used { $time }
device-until = Trusted until { $day }
device-remove = Remove
unknown-device = Unknown device
this-device = this device
this-session = in use now
sessions-title = Where you are signed in
session-since = Signed in { $time }
everywhere-hint = Use this when you see a device that is not yours. It signs out every device including this one, and trusts none of them any more.
everywhere-button = Sign out everywhere
activity-title = Recent activity
activity-text = If anything here was not you, press “Sign out everywhere”.
activity-look = please check
notice-device-removed = The device is no longer trusted.
notice-session-ended = That device is signed out.
notice-password-changed = The password is changed. Other devices are signed out, and none of them is trusted any more.
password-changed-on = Changed on { $day }.

change-password-title = Change the password
change-password-lead = This signs you out on other devices.
current-password-label = Current password
change-password-label = New password
change-password-button = Change
change-password-elsewhere = The password is kept by { $brand }. Open { $brand } the usual way and change it there. Codes for new devices are then sent again.
password-wrong = That is not the current password.
password-same = That is the password you have now. Choose another one.

# Answering a notice. Strangers who have nothing but the reference see this too: no address and no method is named.
notice-title = Answer a notice
notice-lead = Enter the reference from the email. You need not sign in.
notice-label = Reference
notice-hint = 12 letters. Upper or lower case and hyphens make no difference.
notice-button = Next
notice-unknown = There is no notice with this reference, or the 7 days to answer it are over. Check the reference in the email.
notice-again = Please enter the reference again.
notice-no-codes = This page never asks for a password or a code.
notice-password-known = The right password was entered on a device that we do not know. Nobody got in.
notice-second-step-missed = The right password was entered on a device that we do not know, but not the right code. Nobody got in.
notice-success-after-failures = Somebody signed in, after attempts that failed.
notice-device-reuse = An old sign-in of a trusted device was used again.
notice-device-guessed = Too many wrong codes were entered on a device that had signed in before.
notice-two-step-on = Two-step verification was turned on.
notice-password-change = The password was changed.
notice-when = Time of the notice
notice-program = Device
notice-network = Network
notice-network-seen = One from which you had signed in before
notice-network-new = One that was not seen before
notice-answered = Time of the answer
notice-question = Was that you?
notice-me = This was me
notice-me-hint = Nothing changes.
notice-me-done = You said that it was you. If you find that it was not, press the button below.
notice-not-me = This was not me
notice-not-me-hint = Ends sign-ins that are under way and sends no codes to new devices until the password is changed.
notice-not-me-hint-let-in = Signs out the device that was let in, and sends no codes to new devices until the password is changed.
notice-not-me-hint-everything = Signs out every device, and sends no codes to new devices until the password is changed.
notice-not-me-done = Sign-ins under way were ended, and codes for new devices are stopped.
notice-not-me-done-let-in = The device that was let in is signed out, and codes for new devices are stopped.
notice-not-me-done-everything = Every device is signed out, and codes for new devices are stopped.
notice-next = Now change the password
notice-next-text = Change it also wherever else you use the same one.
notice-next-everything = Sign in with the authenticator app, or with a release key by email, and change the password on the Security page. If you cannot sign in, contact { $brand }.
notice-next-sign-in = Sign in on a device that you have used before, or with the authenticator app, and change the password on the Security page. Change it also wherever else you use the same one.
activity-signed-up = Account created
activity-email-confirmed = Email address confirmed
activity-sms-added = Phone number (SMS) added
activity-app-added = Authenticator app added
activity-two-step-on = Two-step verification turned on
activity-signed-in-sms = Signed in (SMS)
activity-signed-in-app = Signed in (authenticator app)
activity-signed-in-trusted = Signed in (trusted device)
activity-wrong-code = Right password, but a wrong code
activity-sign-in-denied = Sign-in stopped after you said it was not you
activity-device-trusted = Device trusted
activity-device-removed = Trusted device removed
activity-device-guessed = A device was forgotten after too many wrong codes
activity-password-changed = Password changed
activity-device-reused = Trusted device removed because an old sign-in of it was used
activity-session-ended = Another device signed out
activity-signed-out = Signed out
activity-signed-out-everywhere = Signed out everywhere
sign-out-title = Sign out?
sign-out-text = If this device is trusted, it stays so: your password will be enough next time.

## The record of messages

messages-title = Your messages
messages-link = See all messages
messages-summary-calm = { $count ->
    [0] Nothing was sent
    [one] 1 message was sent
   *[other] { $count } messages were sent
} in the last 24 hours. Nothing unusual.
got-in-nobody = Nobody has signed in in the last 90 days.
got-in-known = Nobody unknown got in.
got-in-known-detail = { $count ->
    [one] The only sign-in of the last 90 days was on a device or in a network used before.
   *[other] There were { $count } sign-ins in the last 90 days, all on devices or in networks used before.
}
got-in-new = Please check: in the last 90 days there { $count ->
    [one] was 1 sign-in
   *[other] were { $count } sign-ins
} on a new device in a new network.
got-in-new-detail = The latest: { $last }, { $from }. If that was not you, press “Sign out everywhere” on the security page.
verdict-new-device = Was that you?
verdict-new-device-text = If it was, there is nothing to do.
verdict-new-device-advice = If it was not, change your password right now.
verdict-none = All as usual
verdict-none-text = { $count ->
    [0] No message was sent
    [one] 1 message was sent
   *[other] { $count } messages were sent
} in the last 24 hours.
verdict-own-bug = This is our fault
verdict-own-bug-text = { $messages } messages were sent where { $wanted } { $wanted ->
    [one] was
   *[other] were
} asked for. It does not mean that anybody has your password.
verdict-own-bug-retries = A program of the site repeated the same request { $count ->
    [one] once
   *[other] { $count } times
} by itself. It does not mean that anybody has your password.
verdict-own-bug-advice = You need not do anything. When you sign in, use the code with the letters that your screen shows.
verdict-password-known = Somebody has your password
verdict-password-known-text = Since { $since }, somebody has tried { $attempts } times to sign in with your right password, from { $places ->
    [one] a place
   *[other] { $places } places
} that you never used. { $arrived } codes reached your phone, but none of these sign-ins got in.
verdict-password-known-advice = Change your password, also wherever else you use the same one.
verdict-password-known-stop = Stop it with this button, then change your password, also wherever else you use the same one.
verdict-impatient-owner = “Send again” was pressed { $count } times in a row
verdict-impatient-owner-text = It was pressed on a device or in a network used before. The codes seem to be slow today.
verdict-impatient-owner-advice = Wait a minute before you press again. If you are in a hurry, use your authenticator app.
verdict-stopped = Codes for unknown devices are stopped
verdict-stopped-advice = Change your password. Codes are then sent again.
verdict-own-machine = A device of yours keeps trying to sign in
verdict-own-machine-text = { $client } has tried to sign in { $attempts } times, about every { $every ->
    [one] minute
   *[other] { $every } minutes
}, since { $since }. It began right after two-step verification was turned on, and comes from a network you use.
verdict-own-machine-advice = Remove the password that is saved in that device or app, or set it up anew. If it is no device of yours, change your password.
verdict-not-arriving = Codes do not arrive
verdict-not-arriving-text = In the last 24 hours, { $count } messages did not arrive, or nothing says that they did.
verdict-not-arriving-answer = {" "}The latest one: “{ $answer }”.
verdict-not-arriving-advice = Sign in with your authenticator app, and check blocked senders and reception on your phone.
verdict-cannot-tell = A device of yours or a stranger: we cannot tell
verdict-cannot-tell-text = { $count } sign-ins with the right password were begun and not completed.
verdict-cannot-tell-advice = If you do not know why, change your password to be safe.
verdict-cannot-tell-stop = If you do not know why, stop it with this button, then change your password to be safe.
lane-closed = Since { $since } no codes are sent for sign-ins on unknown devices. Devices used before and your app still work.
not-me-button = That was not me
not-me-hint = Ends sign-ins that are under way and stops codes for unknown devices. You can go on using this device.
not-me-unheard = This device is no longer a known one, so its word does not count. Sign out, sign in again, and press the button once more.
not-me-heard = Sign-ins under way were ended, and codes for unknown devices are stopped. Please change your password as well.
picture-title = Requests in the last 24 hours
picture-summary = { $count ->
    [one] 1 sign-in or resend
   *[other] { $count } sign-ins and resends
} asked for a code. { $strange ->
    [0] { $count ->
        [one] It came from a device or network used before.
       *[other] All came from devices or networks used before.
    }
   *[other] { $known ->
        [0] All
       *[other] { $strange }
    } came from unknown places{ $night ->
        [0] .
       *[other] , { $night } between midnight and six.
    }
}
picture-now = now
picture-scale = Height: requests in an hour; the highest bar is { $most }. The shaded hours are midnight to six.
picture-table = As a table
picture-hour = Hour
times = { $count }×
asked-known-device = A device used before
asked-known-network = A new device in a network used before
asked-stranger = Unknown place (IP address { $network })
asked-stranger-unknown = Unknown place (no IP address)
asked-strangers = Other unknown places
client-on = { $program } on { $system }
client-unknown = Unknown program
client-network = IP address { $network }
messages-list = Sent and not sent
messages-text = The last 90 days, newest first. An SMS or email whose letters or number are not listed here did not come from this site.
messages-list-older = Before that
messages-older = See what was before
messages-newest = Back to the newest
messages-none = Nothing was sent yet.
message-sign-in = Sign-in code
message-setup = Code to add a method
message-email = Code to confirm the address
message-release = Release key
message-notice = Notice
message-refused = Sign-in request
message-refused-press = Request to send again
message-marks = letters { $tag }, number { $serial } that day
message-serial = number { $serial } that day
became-sending = Being sent
became-accepted = Handed over
became-delivered = Arrived
became-after = {" "}(after { $seconds } s)
became-after-minutes = {" "}(after { $minutes } min)
became-failed = Did not arrive
became-refused-number = The phone company says the number cannot be used
became-expired = Did not arrive in time
became-unknown = Unclear whether it arrived
became-suppressed = Not sent
became-suppressed-known = Not sent: probably a stranger
became-suppressed-many = Not sent: too many in a row
became-suppressed-guess = Not sent: too many wrong codes
repeated = {" "}({ $count } times, from { $from })
cause-password = after the right password
cause-resend = sent again
cause-fallback = by itself, since the one before did not arrive
cause-setup = while setting up
cause-sign-up = sign-up
cause-release = release by email
cause-notice = a notice by itself
back-to-security = Back to the security page

## When a page cannot be shown

error-not-found-title = Page not found
error-not-found-text = The address has changed, or the page cannot be shown.
error-stale-form-title = Please try once more
error-stale-form-text = The page had been open for too long, so the form was not accepted. Reload the page before and try again.
error-bad-request-title = We could not read what was sent
error-bad-request-text = Go back and try again.
error-ended-title = This has ended
error-ended-text = It is finished, or time ran out. To go on, start from the beginning.
error-busy-title = We are very busy right now
error-busy-text = { $seconds ->
    [one] Wait a second, then try again.
   *[other] Wait about { $seconds } seconds, then try again.
}
error-too-many-title = Too many attempts
error-too-many-text = { $minutes ->
    [one] To protect accounts, this is not possible for now. Please try again in a minute. On a device on which you have signed in before, you can sign in as usual.
   *[other] To protect accounts, this is not possible for now. Please try again in { $minutes } minutes. On a device on which you have signed in before, you can sign in as usual.
}
error-broken-title = Something went wrong
error-broken-text = It is our fault. Wait a moment and try again. If it keeps happening, contact us with this reference.
error-reference = Reference:
error-home = To the first page

## Demo

demo-title = Try Nidan
demo-text = Set up two-step verification and sign in with it, all on this one machine. Nothing is sent outside: SMS and email arrive on a “demo phone” on your screen.
demo-phone-title = Open the demo phone
demo-phone-text = Keep it open in another tab. Your codes arrive there.
demo-phone-open = Demo phone
demo-sign-up-title = Create an account
demo-sign-up-text = Make something up: hanako@example.jp and 090-1234-5678 will do. Only the authenticator app has to be a real one.
demo-again-title = Sign in again
demo-again-text = Sign out, sign in and enter a code. Once you trust the device, the password is enough the time after.
phone-demo-title = Demo phone
phone-demo-text = SMS and emails that this server has sent, newest first.
phone-demo-refresh = Refresh
phone-demo-none = Nothing has arrived yet.
channel-sms = SMS
channel-email = Email
