package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/bellhop-auth/bellhop/internal/config"
	"github.com/bellhop-auth/bellhop/internal/userpool"
)

// credentialsFile is where the server's own admin key lies.
func credentialsFile(data string) string { return filepath.Join(data, "credentials") }

// writeCredentials keeps the key in the format of AWS's shared credentials
// file, so that AWS_SHARED_CREDENTIALS_FILE can name it. A file that says the
// same already is left alone.
func writeCredentials(data string, key userpool.AdminKey) error {
	path := credentialsFile(data)
	text := credentialsText(key)
	switch old, err := os.ReadFile(path); {
	case err == nil && bytes.Equal(old, text):
		return os.Chmod(path, 0o600)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	temp, err := writeTemp(path, text)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

func credentialsText(key userpool.AdminKey) []byte {
	return fmt.Appendf(nil, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret)
}

// warnOfStaleCredentials says that a file from a time without a configured
// admin key lies about which key works. It is left there, since it works again
// without the setting.
func warnOfStaleCredentials(cfg *config.Config, log *slog.Logger) error {
	file := credentialsFile(cfg.Data)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the admin credentials cannot be read: %w", err)
	}
	if !bytes.Equal(text, credentialsText(userpool.AdminKey{ID: cfg.AdminAccessKeyID, Secret: string(cfg.AdminSecret)})) {
		log.Warn("the credentials file holds a key that does not work, since an admin key is configured", "file", file)
	}
	return nil
}
