package cognito

import "testing"

func TestClientName_IsCoarse(t *testing.T) {
	for agent, want := range map[string]string{
		"": "Other, Other",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                            "Chrome 126, Windows 10",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.87":          "Edge 126, Windows 10",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0":                                                                     "Firefox 127, Linux",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1":  "Safari 17, iOS 17",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Safari/605.1.15":                    "Safari 17, Mac OS X 10.15",
		"Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36": "Samsung Internet 25, Android 14",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                             "Chrome 126, Chrome OS",
		"aws-sdk-js/3.609.0 ua/2.0 os/linux#6.1 lang/js md/nodejs#22.3.0 api/cognito-identity-provider#3.609.0":                                      "Other, Linux",
		"Boto3/1.34.46 md/Botocore#1.34.46 ua/2.0 os/macos#23.5.0 md/arch#arm64 lang/python#3.12.3":                                                  "Other, macOS",
		"Chrome/99999999999 (Windows NT 10.0\x00\x1b[2J)":                                                                                            "Chrome 9999, Windows 10",
		"Chrome/+919876543210 Android +919876543210":                                                                                                 "Chrome, Android",
	} {
		if got := clientName(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}
