package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// What the AWS Encryption SDK calls a message, of the kind that its newer versions
// write: version 2, algorithm suite 0x0578 (AES-256-GCM, HKDF with SHA-512, a commitment
// to the key, ECDSA on P-384), one data key, all content in one frame. Developer guide,
// Message format reference; AWS Encryption SDK specification, client-apis/encrypt.md
// and framework/algorithm-suites.md. Tests have AWS's own SDK decrypt it.
const (
	version     = 2
	suite       = 0x0578
	framed      = 2
	frameLength = 4096
	lastFrame   = 0xFFFFFFFF

	keyLength       = 32 // of data keys and of what is derived from them
	messageIDLength = 32

	provider = "aws-kms"
)

// The keys of the encryption context: the pool (developer guide of Cognito, Custom
// sender Lambda triggers), and the key that the message is signed with.
const (
	contextPool   = "userpool-id"
	contextSigner = "aws-crypto-public-key"
)

// dataKey is a key of KMS's making, in the clear and as KMS keeps it.
type dataKey struct {
	plain   []byte
	wrapped []byte
	arn     string // of the key that wraps it
}

// message is one that is not written yet. KMS binds the data key to its context.
type message struct {
	signer  *ecdsa.PrivateKey
	context map[string]string
}

func newMessage(pool userpool.PoolID) (message, error) {
	signer, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return message{}, err
	}
	point, err := compressed(&signer.PublicKey)
	if err != nil {
		return message{}, err
	}
	return message{signer: signer, context: map[string]string{
		contextPool: string(pool), contextSigner: base64.StdEncoding.EncodeToString(point),
	}}, nil
}

// compressed is the point of a public key in its short form (SEC 1, 2.3.3): its x, and
// whether its y is odd.
func compressed(key *ecdsa.PublicKey) ([]byte, error) {
	long, err := key.Bytes() // 4, x, y
	if err != nil {
		return nil, err
	}
	x := long[1 : 1+len(long)/2]
	return append([]byte{2 + long[len(long)-1]&1}, x...), nil
}

// seal writes the message. A data key serves one message alone, so that the counted
// nonces below are each used once.
func (m message) seal(key dataKey, secret string) ([]byte, error) {
	if len(key.plain) != keyLength || len(key.wrapped) == 0 {
		return nil, errors.New("it gave no data key")
	}
	if len(secret) > frameLength {
		return nil, fmt.Errorf("%d bytes are too many for one message", len(secret))
	}
	id := make([]byte, messageIDLength)
	rand.Read(id)
	inner, commitment, err := derive(key.plain, id)
	if err != nil {
		return nil, err
	}
	gcm, err := newGCM(inner)
	if err != nil {
		return nil, err
	}
	out, err := m.header(id, key, commitment)
	if err != nil {
		return nil, err
	}
	out = gcm.Seal(out, nonce(0), nil, out) // the header's tag
	out = appendFrame(out, gcm, id, secret)
	return m.sign(out)
}

// derive makes of a data key what encrypts this message, and what commits to it.
func derive(key, messageID []byte) (inner, commitment []byte, err error) {
	info := string(binary.BigEndian.AppendUint16(nil, suite)) + "DERIVEKEY"
	if inner, err = hkdf.Key(sha512.New, key, messageID, info, keyLength); err != nil {
		return nil, nil, err
	}
	commitment, err = hkdf.Key(sha512.New, key, messageID, "COMMITKEY", keyLength)
	return inner, commitment, err
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// nonce is 0 for the header, and else the frame's number.
func nonce(n uint32) []byte { return binary.BigEndian.AppendUint32(make([]byte, 8), n) }

// header is the message's header without its tag.
func (m message) header(id []byte, key dataKey, commitment []byte) ([]byte, error) {
	out := []byte{version}
	out = binary.BigEndian.AppendUint16(out, suite)
	out = append(out, id...)
	pairs := binary.BigEndian.AppendUint16(nil, uint16(len(m.context)))
	for _, name := range slices.Sorted(maps.Keys(m.context)) {
		pairs = appendText(pairs, name)
		pairs = appendText(pairs, m.context[name])
	}
	out = appendText(out, string(pairs))
	out = binary.BigEndian.AppendUint16(out, 1) // data key
	for _, text := range []string{provider, key.arn, string(key.wrapped)} {
		if len(text) > 0xFFFF {
			return nil, errors.New("it gave a data key that is too long")
		}
		out = appendText(out, text)
	}
	out = append(out, framed)
	out = binary.BigEndian.AppendUint32(out, frameLength)
	return append(out, commitment...), nil
}

// appendText appends text, which is at most 64 KiB, behind its length.
func appendText(out []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(out, uint16(len(text))), text...)
}

// appendFrame appends the only frame, which is the last one too.
func appendFrame(out []byte, gcm cipher.AEAD, id []byte, secret string) []byte {
	const number = 1
	bound := append(slices.Clone(id), "AWSKMSEncryptionClient Final Frame"...)
	bound = binary.BigEndian.AppendUint32(bound, number)
	bound = binary.BigEndian.AppendUint64(bound, uint64(len(secret)))

	out = binary.BigEndian.AppendUint32(out, lastFrame)
	out = binary.BigEndian.AppendUint32(out, number)
	out = append(out, nonce(number)...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(secret)))
	return gcm.Seal(out, nonce(number), []byte(secret), bound)
}

// sign appends the footer.
func (m message) sign(out []byte) ([]byte, error) {
	digest := sha512.Sum384(out)
	signature, err := ecdsa.SignASN1(rand.Reader, m.signer, digest[:])
	if err != nil {
		return nil, err
	}
	return appendText(out, string(signature)), nil
}
