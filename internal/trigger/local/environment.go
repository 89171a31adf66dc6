package local

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// inherited are the variables of Bellhop's own environment that a function sees.
func inherited() []string {
	return []string{"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "SYSTEMROOT", "TEMP", "TMP"}
}

// reserved are Lambda's own variables
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html), which
// a function's configuration may not set. Region, keys and time zone it may, since
// nobody else does here.
func reserved() []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API", "_HANDLER", "LAMBDA_TASK_ROOT", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_INITIALIZATION_TYPE",
		"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_MAX_CONCURRENCY", "_LAMBDA_SERVER_PORT",
	}
}

// environment is what a process gets that is started for a call to arn, and serves
// others of the function's too.
func (f *Function) environment(arn, api string) []string {
	name, region := named(arn)
	if name == "" {
		name = f.cfg.Name
	}
	env := map[string]string{"TZ": ":UTC"}
	for _, key := range inherited() {
		if value, ok := os.LookupEnv(key); ok {
			env[key] = value
		}
	}
	if region != "" {
		env["AWS_REGION"], env["AWS_DEFAULT_REGION"] = region, region
	}
	maps.Copy(env, f.cfg.Environment)
	maps.Copy(env, map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          api,
		"_HANDLER":                        f.start.handler,
		"LAMBDA_TASK_ROOT":                f.cfg.Dir,
		"AWS_LAMBDA_FUNCTION_NAME":        name,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.cfg.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      "bellhop",
	})
	list := make([]string, 0, len(env))
	for _, key := range slices.Sorted(maps.Keys(env)) {
		list = append(list, key+"="+env[key])
	}
	return list
}

// named takes a function's name and region out of its ARN
// (arn:aws:lambda:region:account:function:name[:qualifier]), "" where it is none.
func named(arn string) (name, region string) {
	parts := strings.Split(arn, ":")
	if len(parts) < 7 || parts[2] != "lambda" || parts[5] != "function" {
		return "", ""
	}
	return parts[6], parts[3]
}
