# The pool of pools.yaml as Terraform describes it to a Bellhop: docs/infrastructure.md.
#
#   export AWS_SHARED_CREDENTIALS_FILE=bellhop-data/credentials
#   terraform init && terraform apply

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80"
    }
  }
}

provider "aws" {
  region = "us-east-1"

  # There is no AWS behind the endpoint: nothing else is asked of it.
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    cognitoidp = "http://localhost:9400"
  }
}

resource "aws_cognito_user_pool" "riders" {
  name                     = "riders"
  username_attributes      = ["phone_number"]
  auto_verified_attributes = ["phone_number"]
  deletion_protection      = "ACTIVE"
  sms_verification_message = "{####} is your code for Riders."

  username_configuration {
    case_sensitive = false
  }

  password_policy {
    minimum_length    = 10
    require_lowercase = true
    require_numbers   = true
  }

  sign_in_policy {
    allowed_first_auth_factors = ["PASSWORD", "SMS_OTP"]
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_phone_number"
      priority = 1
    }
  }

  device_configuration {
    challenge_required_on_new_device      = true
    device_only_remembered_on_user_prompt = false
  }

  # An attribute of texts or numbers wants its block of constraints, on Cognito as
  # well: without it the provider sees a difference at every plan.
  schema {
    name                = "name"
    attribute_data_type = "String"
    required            = true
    mutable             = true
    string_attribute_constraints {
      min_length = "0"
      max_length = "2048"
    }
  }

  schema {
    name                = "tier"
    attribute_data_type = "String"
    mutable             = true
    string_attribute_constraints {
      max_length = "16"
    }
  }

  tags = {
    team               = "riders"
    "bellhop:app-name" = "Riders"
  }
}

resource "aws_cognito_user_pool_client" "app" {
  name                          = "app"
  user_pool_id                  = aws_cognito_user_pool.riders.id
  explicit_auth_flows           = ["ALLOW_USER_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
  prevent_user_existence_errors = "ENABLED"
  access_token_validity         = 30

  token_validity_units {
    access_token = "minutes"
  }
}

resource "aws_cognito_user_group" "staff" {
  name         = "staff"
  user_pool_id = aws_cognito_user_pool.riders.id
  precedence   = 1
}
