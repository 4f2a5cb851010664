# 画面の文章。

## どの画面にもあるもの

skip = 本文へ移動
nav = メニュー
demo-line = デモ用のサーバーです。SMSとメールは実際には送られません。
demo-line-link = デモ用の電話で見る
demo-line-start = はじめ方
title-error = エラー：
alert-title = ご確認ください。
back = 戻る
continue = 次へ
start-again = 最初からやり直す
sign-in = ログイン
sign-out = ログアウト

## 新規登録

sign-up-title = 新規登録
sign-up-lead = メールアドレスとパスワードを決めます。続けて、アカウントを守る2段階認証まで順番にご案内します（5分ほど）。SMSを受け取れる携帯電話をお手元にご用意ください。
email-label = メールアドレス
email-hint = 確認コードをお送りします。
new-password-label = パスワード
password-rule-length = { $length }文字以上。長いほど安全です。
password-rule-free = 記号や大文字を混ぜる必要はありません。
password-rule-common = よく使われるもの、名前やメールアドレスに近いものは使えません。
password-show = パスワードを表示
sign-up-button = 登録して次へ
sign-up-have-account = 登録がお済みの方は
email-missing = メールアドレスを入力してください。
email-not-an-address = メールアドレスの形になっていません。例：hanako@example.jp
password-missing = パスワードを入力してください。
password-too-short = パスワードが短すぎます。もう少し長くしてください。
password-too-long = パスワードが長すぎます。もう少し短くしてください。
password-common = 多くの人が使っているパスワードです。別のものにしてください。
password-too-easy = 推測されやすいか、メールアドレスやサイト名に近いパスワードです。関係のない単語をいくつかつなげると安全になります。

## 確認コード

code-title = 確認コードの入力
code-label = 確認コード（6桁の数字）
code-hint = 全角や、間に空白があってもかまいません。
code-not-a-code = 6桁の数字を入力してください。
code-too-short = まちがったコードが続いたため、このコードだけでは確認できません。この画面の案内に沿って入力するか、最初からやり直してください。
code-label-long = 8桁の確認コード
next-code-label = その次のコード
next-code-hint = アプリの表示が次の6桁に変わるまで待ち、その6桁を入力してください。
code-wrong = コードが違います。あと{ $tries }回入力できます。
code-expired = このコードは有効期限が切れました。新しいコードで、もう一度お試しください。
code-already-used = このコードは使用済みです。アプリに次のコードが表示されるまで、30秒ほどお待ちください。
code-used-up = コードの間違いが続いたため、ここで終了しました。お手数ですが、最初からやり直してください。
code-sent-again = もう一度送りました。コードは前と同じです。
code-not-sent-wait = { $at }に送ったばかりです（記号{ $tag }・本日{ $serial }通目）。もう一度送るには、あと{ $seconds }秒お待ちください。
code-not-sent-wait-plain = { $at }に送ったばかりです。もう一度送るには、あと{ $seconds }秒お待ちください。
code-not-sent-on-its-way = いま送っているところです。二重に届かないよう、もう一度は送りませんでした。
code-not-sent-held = 携帯電話会社がSMSを預かっているため、もう一度は送りませんでした。
code-not-sent = これ以上は送れません。先に送ったコードはそのまま使えます。
resend = もう一度送る
resend-waiting = あと{"{n}"}秒で、もう一度送れます
resend-from = { $at }から、もう一度送れます。
resend-on-its-way = いま送っているところです。送り終えるまで、もう一度は送れません。
resend-held = 携帯電話会社が混み合い、SMSを預かっています。重ねて送ると一度に何通も届くため、送り直しは控えています。あとから届いたコードは、{ $until }まで使えます。
resend-no-more = 送れる回数の上限になりました。届いたコードはそのまま使えます。
tag-label = この画面の記号
sent-at = { $at }送信・本日{ $serial }通目

## 届くのを待つあいだ

news-sms-sending = SMSを送っています。
news-sms-handed-over = 携帯電話会社に渡しました。
news-sms-delivered = 届きました。SMSをご確認ください。
news-sms-failed = SMSを届けられませんでした。
news-mail-sending = メールを送っています。
news-mail-handed-over = メールを送り出しました。
news-mail-delivered = 届きました。受信箱をご覧ください。
news-mail-failed = メールを届けられませんでした。
news-unknown = 届いたか、まだ分かりません。
news-silence = 到着の知らせが、まだありません。
news-slow = ただいま、SMSが遅れています。
news-help = 届かないときは
news-reload = 表示を更新
news-over = この確認は終了しました。
news-over-done = 別の画面で確認が済みました。
instead-app = 認証アプリで確認する
instead-sms = { $destination } にSMSを送る

## メールアドレスの確認

mail-code-title = メールアドレスの確認
mail-sent = { $destination } に確認コードを送りました。
mail-tag = メールに同じ記号があることを確かめて、コードを入力してください。
mail-code-button = 確認する
mail-missing-title = メールが届かないとき
mail-missing-wait = 1分ほどお待ちください。
mail-missing-spam = 迷惑メールのフォルダーをご確認ください。
mail-missing-typo = 上のメールアドレスに間違いがないかご確認ください。
mail-wrong-address = アドレスが違うときは
mail-start-again = 登録をやり直す

## ログイン

password-label = パスワード
sign-in-button = ログイン
sign-in-no-account = { $brand }を初めてご利用の方は
sign-in-wrong = メールアドレスかパスワードが違います。
sign-in-missing = メールアドレスとパスワードを入力してください。
sign-in-notice = お知らせのメールが届いた方は
notice-signed-out = ログアウトしました。
notice-signed-out-everywhere = すべての端末からログアウトしました。信頼する端末の登録も消しました。
notice-ran-out = 時間がたったため、安全のために終了しました。もう一度ログインしてください。
sms-sent = { $destination } に、SMSで確認コードを送りました。
sms-tag = SMSに同じ記号があるときだけ、コードを入力してください。
app-open = 認証アプリを開き、「{ $brand }」の欄に表示されている数字を入力してください。
trust-label = この端末を信頼する
not-sent-closed = このアカウントでは、初めての端末でのログインにSMSをお送りしていません（{ $at }現在）。
not-sent-later = このログインには、SMSをお送りできませんでした（{ $at }）。
not-sent-possible = ほかの方法
not-sent-finish = 先に始めたログインを、届いたコードで続けてください。
not-sent-known-device = 以前ログインしたことのある端末からログインしてください。
not-sent-wait = しばらく待ってから、もう一度ログインしてください。
not-sent-wait-until = { $from }を過ぎてから、もう一度ログインしてください。
not-sent-release = メールで確認してSMSを受け取る
release-title = メールで確認してSMSを受け取る
release-lead = アカウントのメールアドレス（{ $destination }）に、解除キーをお送りします。届いたキーを入力すると、SMSをお送りします。
release-send = メールを送る
release-sent = メールをお送りしました。
release-label = 解除キー
release-hint = 12文字の英数字です。大文字と小文字、ハイフンの有無は問いません。
release-button = SMSを送る
release-wrong = このログインの解除キーではありません。いちばん新しいメールを確かめてください。
release-too-many = 本日はこれ以上お送りできません。
trust-hint = 次回からこの端末では確認コードを省きます（最長{ $days }日間）。ほかの人も使う端末では、チェックを外してください。
sms-missing-title = SMSが届かないとき
sms-missing-wait = 1分ほどお待ちください。電波が届く場所にいるか、機内モードになっていないかもご確認ください。
sms-missing-reception = 電波が届く場所にいるか、機内モードになっていないかをご確認ください。
sms-missing-blocked = 迷惑SMSとして振り分けられていないか、ご確認ください。
sms-missing-number = 番号が違うときは「番号を変える」を押してください。
other-ways = 別の方法で確認する
other-ways-lead = どの方法で確認しますか。
method-sms = SMS
method-app = 認証アプリ
way-sms = 確認コードをSMSで送ります
way-app = アプリに表示されている6桁の数字を入力します
way-current = いま選んでいる方法です

## 2段階認証の設定

steps = 設定の手順（全3段階）
step-email = メール
step-phone = 電話番号
step-app = 認証アプリ
step-done = 完了
setup-later = 途中で閉じても大丈夫です。次にログインしたとき、ここから続けられます。

phone-title = 電話番号の登録
phone-why = パスワードは、気づかないうちに他人に知られることがあります。2段階認証なら、パスワードのほかに、あなたの電話に届く数字がなければログインできません。
phone-next = 番号を入力すると、6桁の確認コードがSMSで届きます。次の画面で、そのコードを入力します。
phone-label = 携帯電話の番号
phone-hint = 例：090-1234-5678（ハイフンはなくてもかまいません）
phone-button = SMSでコードを送る
phone-missing = 携帯電話の番号を入力してください。
phone-not-a-number = 電話番号として読み取れませんでした。090-1234-5678 のように入力してください。
phone-ambiguous = 二通りに読める番号です。090-1234-5678 のように、0から入力してください。
phone-foreign = 日本の携帯電話の番号を入力してください。国外の番号にはお送りできません。
phone-ip = 050で始まる番号ではSMSを受け取れません。090・080・070などの番号を入力してください。
phone-no-sms = この番号ではSMSを受け取れません。090・080・070などの番号を入力してください。
phone-too-many = この番号には続けて送りすぎたため、しばらく送れません。時間をおいてお試しください。
phone-code-title = SMSで届いたコードの入力
phone-sent = { $destination } に送りました（{ $at }）。SMSを開いて、6桁の数字を入力してください。
phone-change = 番号を変える

app-title = 認証アプリの登録
app-why = 電話番号が使えないときのために、もう一つの方法を登録します。認証アプリは、ログインに使う6桁の数字を表示するアプリです。無料で、電波がなくても使えます。
app-start-button = 始める
app-get-title = アプリを用意する
app-get-text = Google Authenticator、Microsoft Authenticator、1Passwordなど、お好みのものを使えます。
app-get-where = まだお持ちでなければ、スマートフォンのアプリストアで名前を検索して入れてください。
app-scan-title = アプリで読み取る
app-scan-text = アプリの「＋」や「追加」を押して、このQRコードを読み取ります。
app-qr-label = 認証アプリに登録するためのQRコード。読み取れないときは、下の文字を入力してください。
app-this-phone = この端末のアプリに登録する
app-type-title = 読み取れないとき
app-type-text = アプリで「キーを入力」などを選び、次の文字を入力してください。空白はなくてもかまいません。
app-copy = 文字をコピー
app-copied = コピーしました
app-code-title = 表示された数字を入力する
app-code-hint = アプリの数字は30秒ごとに変わります。いま表示されているものを入力してください。
app-button = 登録して完了

done-title = 2段階認証が有効になりました
done-text = お疲れさまでした。これからは、パスワードを知られただけではログインされません。登録した方法は次の2つです。
done-next-title = これからのログイン
done-next-new-device = 新しい端末では、パスワードのあとに確認コードを入力します。
done-next-trusted = 「この端末を信頼する」を選んだ端末では、次からパスワードだけで済みます。
done-next-nobody = 確認コードは、誰に聞かれても教えないでください。
done-next-one-phone = SMSと認証アプリが同じ電話にあると、なくしたとき両方使えません。アプリは、タブレットなど別の端末にも入れておくと安心です。
done-button = セキュリティの画面を見る

## セキュリティ

security-title = セキュリティ
security-on = 2段階認証は有効です（{ $day }から）
methods-title = 確認方法
role-primary = 主に使う方法
role-backup = 予備の方法
since = { $day }に登録
devices-title = 信頼する端末
devices-text = 確認コードを省いてログインできる端末です。使わなくなったものは外してください。
devices-none = 信頼する端末はありません。
last-used = 最後の利用 { $time }
device-until = { $day }まで有効
device-remove = 外す
unknown-device = 不明な端末
this-device = この端末
this-session = いま使っています
sessions-title = ログイン中の端末
session-since = { $time }にログイン
everywhere-hint = 覚えのない端末があるときに使ってください。この端末を含むすべての端末からログアウトし、信頼する端末の登録もすべて消します。
everywhere-button = すべての端末からログアウト
activity-title = 最近の履歴
activity-text = 覚えのないものがあれば「すべての端末からログアウト」を押してください。
activity-look = ご確認ください
notice-device-removed = 信頼する端末から外しました。
notice-session-ended = その端末からログアウトしました。
notice-password-changed = パスワードを変更しました。ほかの端末はすべてログアウトし、信頼する端末からも外しました。
password-changed-on = { $day }に変更しました。

change-password-title = パスワードを変更する
change-password-lead = 変更すると、ほかの端末からログアウトします。
current-password-label = 今のパスワード
change-password-label = 新しいパスワード
change-password-button = 変更する
change-password-elsewhere = パスワードは{ $brand }で管理しています。いつもの方法で{ $brand }を開き、そちらで変更してください。変更されると、新しい端末へのコードの送信も元に戻ります。
password-wrong = 今のパスワードが違います。
password-same = 今と同じパスワードです。別のものにしてください。

# お知らせへの回答。照会番号だけを知る他人も見るので、宛先も確認方法も書かない。
notice-title = お知らせへの回答
notice-lead = お知らせのメールにある照会番号を入力してください。ログインは要りません。
notice-label = 照会番号
notice-hint = 12文字の英字です。大文字と小文字、ハイフンの有無は問いません。
notice-button = 次へ
notice-unknown = この照会番号のお知らせはないか、回答の期限（7日間）が過ぎています。メールの番号をもう一度確かめてください。
notice-again = 照会番号をもう一度入力してください。
notice-no-codes = この画面で、パスワードや確認コードをお尋ねすることはありません。
notice-password-known = 初めての端末で、正しいパスワードが入力されました。ログインはされていません。
notice-second-step-missed = 初めての端末で正しいパスワードが入力されましたが、正しい確認コードは入力されませんでした。ログインはされていません。
notice-success-after-failures = 失敗したログインのあとに、ログインがありました。
notice-device-reuse = 信頼する端末の古いログイン情報が、もう一度使われました。
notice-device-guessed = 以前ログインした端末で、まちがった確認コードが何度も入力されました。
notice-two-step-on = 2段階認証が有効になりました。
notice-password-change = パスワードが変更されました。
notice-when = お知らせした日時
notice-program = 使われた端末
notice-network = ネットワーク
notice-network-seen = 以前にもログインのあったネットワークです
notice-network-new = 初めてのネットワークです
notice-answered = 回答した日時
notice-question = これはご本人ですか
notice-me = これは私です
notice-me-hint = 何も変わりません。
notice-me-done = ご本人との回答を受け付けました。あとから違うと気づいたときは、下のボタンを押してください。
notice-not-me = 心当たりがありません
notice-not-me-hint = 途中のログインを終わらせ、初めての端末へのコードの送信を、パスワードを変更するまで止めます。
notice-not-me-hint-let-in = このときにログインした端末をログアウトし、初めての端末へのコードの送信を、パスワードを変更するまで止めます。
notice-not-me-hint-everything = すべての端末からログアウトし、初めての端末へのコードの送信を、パスワードを変更するまで止めます。
notice-not-me-done = 途中のログインを終わらせ、初めての端末へのコードの送信を止めました。
notice-not-me-done-let-in = このときにログインした端末をログアウトし、初めての端末へのコードの送信を止めました。
notice-not-me-done-everything = すべての端末からログアウトし、初めての端末へのコードの送信を止めました。
notice-next = 次に、パスワードを変更してください
notice-next-text = 同じパスワードを使っているほかのサービスも、変更してください。
notice-next-everything = 認証アプリか、メールで届く解除キーを使ってログインし、「セキュリティ」の画面でパスワードを変更してください。ログインできないときは、{ $brand }にご連絡ください。
notice-next-sign-in = 以前ログインしたことのある端末か認証アプリでログインし、「セキュリティ」の画面でパスワードを変更してください。同じパスワードを使っているほかのサービスも、変更してください。
activity-signed-up = アカウントを登録しました
activity-email-confirmed = メールアドレスを確認しました
activity-sms-added = 電話番号（SMS）を登録しました
activity-app-added = 認証アプリを登録しました
activity-two-step-on = 2段階認証が有効になりました
activity-signed-in-sms = ログインしました（SMS）
activity-signed-in-app = ログインしました（認証アプリ）
activity-signed-in-trusted = ログインしました（信頼する端末）
activity-wrong-code = 正しいパスワードのあと、違うコードが入力されました
activity-sign-in-denied = 「自分ではない」という連絡を受けて、ログインを止めました
activity-device-trusted = 信頼する端末に加えました
activity-device-removed = 信頼する端末から外しました
activity-device-guessed = まちがったコードが続いたため、端末の登録を外しました
activity-password-changed = パスワードを変更しました
activity-device-reused = 古いログイン情報が使われたため、信頼する端末を外しました
activity-session-ended = ほかの端末をログアウトさせました
activity-signed-out = ログアウトしました
activity-signed-out-everywhere = すべての端末からログアウトしました
sign-out-title = ログアウトしますか
sign-out-text = 信頼する端末の登録は残ります。次にログインするときも、確認コードは要りません。

## メッセージの記録

messages-title = メッセージの記録
messages-link = メッセージの記録を見る
messages-summary-calm = この24時間に{ $count }通送りました。変わったことはありません。
got-in-nobody = この90日間、だれもログインしていません。
got-in-known = 見覚えのないログインはありません。
got-in-known-detail = この90日間のログイン（{ $count }回）は、使ったことのある端末かネットワークからでした。
got-in-new = ご確認ください。この90日間に、初めての端末とネットワークからのログインが{ $count }回ありました。
got-in-new-detail = 最後は{ $last }（{ $from }）です。あなたでなければ、セキュリティの画面で「すべての端末からログアウト」を押してください。
verdict-new-device = このログインは、あなたですか
verdict-new-device-text = 見覚えがあれば、何もしなくて大丈夫です。
verdict-new-device-advice = 見覚えがなければ、いますぐパスワードを変更してください。
verdict-none = いつもどおりです
verdict-none-text = この24時間に送ったメッセージは{ $count }通です。
verdict-own-bug = こちらの不具合です
verdict-own-bug-text = { $wanted }回の依頼に対して、{ $messages }通が送られています。パスワードを知られたわけではありません。
verdict-own-bug-retries = サイトのプログラムが、同じ依頼を{ $count }回、自動で繰り返しました。パスワードを知られたわけではありません。
verdict-own-bug-advice = 何もしなくて大丈夫です。ログインのときは、画面と同じ記号のコードを使ってください。
verdict-password-known = だれかがパスワードを知っています
verdict-password-known-text = { $since }から、見慣れない{ $places }か所で、正しいパスワードを使ったログインが{ $attempts }回試されました。コードは{ $arrived }通届きましたが、どれもログインには至っていません。
verdict-password-known-advice = パスワードを変更してください。同じパスワードを使っているほかのサービスも、変更してください。
verdict-password-known-stop = 下のボタンで止めてから、パスワードを変更してください。同じパスワードを使っているほかのサービスも、変更してください。
verdict-impatient-owner = 続けて{ $count }回、送り直しが押されました
verdict-impatient-owner-text = いつもの端末かネットワークからです。コードの到着に時間がかかっているようです。
verdict-impatient-owner-advice = 押し直さずに1分ほどお待ちください。お急ぎなら、認証アプリを使ってください。
verdict-stopped = 見慣れない端末へのコードを止めています
verdict-stopped-advice = パスワードを変更してください。変更すると、コードの送信は元に戻ります。
verdict-own-machine = お使いの機器が、自動でログインしようとしています
verdict-own-machine-text = { $client }が、{ $since }から、およそ{ $every }分おきに{ $attempts }回、ログインを試しました。2段階認証を有効にした直後から、いつものネットワークで続いています。
verdict-own-machine-advice = その機器やアプリに保存したパスワードを、消すか設定し直してください。心当たりのない機器なら、パスワードを変更してください。
verdict-not-arriving = コードが届いていません
verdict-not-arriving-text = この24時間に、{ $count }通が届かないか、到着を確認できていません。
verdict-not-arriving-answer = 直近の1通：{ $answer }。
verdict-not-arriving-advice = 認証アプリでログインし、電話の受信拒否の設定と電波を確かめてください。
verdict-cannot-tell = あなたの機器か、他人か、区別できません
verdict-cannot-tell-text = 正しいパスワードでのログインが{ $count }回、完了しないまま終わりました。
verdict-cannot-tell-advice = 心当たりがなければ、念のためパスワードを変更してください。
verdict-cannot-tell-stop = 心当たりがなければ、下のボタンで止めてから、念のためパスワードを変更してください。
lane-closed = { $since }から、見慣れない端末のログインにはコードを送っていません。いつもの端末と認証アプリは使えます。
not-me-button = これは自分ではありません
not-me-hint = 途中のログインを終わらせ、見慣れない端末へのコードの送信を止めます。この端末はこのまま使えます。
not-me-unheard = この端末の登録はもう外れているため、受け付けられませんでした。一度ログアウトし、ログインし直してから、もう一度押してください。
not-me-heard = 途中のログインを終わらせ、見慣れない端末へのコードの送信を止めました。パスワードも変更してください。
picture-title = この24時間の依頼
picture-summary = コードが必要なログインと送り直しが、合わせて{ $count }回ありました。{ $strange ->
    [0] すべて、知っている端末かネットワークからです。
   *[other] { $known ->
        [0] すべて、
       *[other] うち{ $strange }回は、
    }見慣れないところからです{ $night ->
        [0] 。
       *[other] （0時から6時に{ $night }回）。
    }
}
picture-now = 今
picture-scale = 棒の高さは1時間あたりの回数で、いちばん高い棒は{ $most }回です。色の帯は0時から6時までです。
picture-table = 数字の表で見る
picture-hour = 時刻
times = { $count }回
asked-known-device = 使ったことのある端末
asked-known-network = 知っているネットワークの、初めての端末
asked-stranger = 見慣れないところ（IPアドレス { $network }）
asked-stranger-unknown = 見慣れないところ（IPアドレス不明）
asked-strangers = ほかの見慣れないところ
client-on = { $system }の{ $program }
client-unknown = 不明なプログラム
client-network = IPアドレス { $network }
messages-list = 送ったもの、送らなかったもの
messages-text = 最近90日の、新しい順です。SMSとメールに、ここにない記号や通し番号のものがあれば、このサイトからではありません。
messages-list-older = それより前の記録
messages-older = もっと前の記録を見る
messages-newest = 最新の記録へ戻る
messages-none = まだ何も送っていません。
message-sign-in = ログインのコード
message-setup = 登録のコード
message-email = メールアドレス確認のコード
message-release = 解除キー
message-notice = お知らせ
message-refused = ログインの依頼
message-refused-press = 送り直しの依頼
message-marks = 記号{ $tag }・その日の{ $serial }通目
message-serial = その日の{ $serial }通目
became-sending = 送信中
became-accepted = 引き渡し済み
became-delivered = 届きました
became-after = （{ $seconds }秒後）
became-after-minutes = （{ $minutes }分後）
became-failed = 届きませんでした
became-refused-number = 番号が使えないと、電話会社が答えました
became-expired = 期限までに届きませんでした
became-unknown = 届いたか不明
became-suppressed = 送りませんでした
became-suppressed-known = 他人の疑いがあるため、送りませんでした
became-suppressed-many = 続きすぎたため、送りませんでした
became-suppressed-guess = 間違いが続いたため、送りませんでした
repeated = （{ $count }回、{ $from }から）
cause-password = 正しいパスワードのあと
cause-resend = 送り直し
cause-fallback = 前の1通が届かなかったため、自動で
cause-setup = 設定の操作
cause-sign-up = 新規登録
cause-release = メールでの解除
cause-notice = 自動のお知らせ
back-to-security = セキュリティの画面へ戻る

## 表示できないとき

error-not-found-title = ページが見つかりません
error-not-found-text = アドレスが変わったか、表示できないページです。
error-stale-form-title = もう一度お願いします
error-stale-form-text = ページを開いてから時間がたったため、送信を受け付けませんでした。前のページを再読み込みしてから、やり直してください。
error-bad-request-title = 送信内容を読み取れませんでした
error-bad-request-text = 前のページに戻って、もう一度お試しください。
error-ended-title = この手続きは終わっています
error-ended-text = 完了したか、時間切れになりました。続けるには、最初からやり直してください。
error-busy-title = ただいま混み合っています
error-busy-text = { $seconds }秒ほど待ってから、もう一度お試しください。
error-too-many-title = 回数の上限に達しました
error-too-many-text = アカウントを守るため、今はこの操作を受け付けていません。{ $minutes }分ほどたってから、もう一度お試しください。以前ログインしたことのある端末では、いつもどおりログインできます。
error-broken-title = うまく表示できませんでした
error-broken-text = こちらの不具合です。少し待ってから、もう一度お試しください。続くときは、次の番号を添えてお問い合わせください。
error-reference = お問い合わせ番号：
error-home = 最初のページへ

## デモ

demo-title = Nidanを試す
demo-text = 2段階認証の登録からログインまでを、この1台で体験できます。SMSもメールも外には送られず、画面の中の「デモ用の電話」に届きます。
demo-phone-title = デモ用の電話を開く
demo-phone-text = 別のタブで開いておくと便利です。確認コードはここに届きます。
demo-phone-open = デモ用の電話
demo-sign-up-title = 新規登録する
demo-sign-up-text = メールアドレスは hanako@example.jp、電話番号は 090-1234-5678 など、架空のものでかまいません。認証アプリだけは、お手元のものを使います。
demo-again-title = もう一度ログインする
demo-again-text = ログアウトしてからログインし、確認コードを入力します。端末を信頼すると、その次はパスワードだけで入れます。
phone-demo-title = デモ用の電話
phone-demo-text = このサーバーが送ったSMSとメールです。新しいものが上に並びます。
phone-demo-refresh = 更新する
phone-demo-none = まだ何も届いていません。
channel-sms = SMS
channel-email = メール
