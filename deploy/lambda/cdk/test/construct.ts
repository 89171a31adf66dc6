import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cognito from 'aws-cdk-lib/aws-cognito';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';

import { BellhopPhoneAuth, type BellhopPhoneAuthProps } from '../lib/bellhop-phone-auth';
import { findings, newStack, synthesized, temporary } from './cloudformation';

/** A file that stands for the zip: what is in it is nothing that a template could show. */
function zipFile(): string {
  const zip = join(temporary(), 'bellhop-lambda.zip');
  writeFileSync(zip, 'a zip');
  return zip;
}

const usual = { signUp: 'auto-sign-in', countries: ['IN'] } as const;

function make(props: Partial<BellhopPhoneAuthProps> = {}, stack: Stack = newStack()) {
  const auth = new BellhopPhoneAuth(stack, 'PhoneAuth', { code: lambda.Code.fromAsset(zipFile()), ...usual, ...props });
  return { auth, stack, template: Template.fromStack(stack) };
}

describe('the app client', () => {
  test('of auto-sign-in takes codes, and no password that was not chosen with one', () => {
    const { template } = make();
    template.hasResourceProperties('AWS::Cognito::UserPoolClient', {
      ExplicitAuthFlows: Match.exact(['ALLOW_CUSTOM_AUTH', 'ALLOW_USER_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH']),
      PreventUserExistenceErrors: 'ENABLED',
      EnableTokenRevocation: true,
      GenerateSecret: false,
    });
  });

  test('of auto-confirm has no flow that takes a password', () => {
    const { template } = make({ signUp: 'auto-confirm' });
    template.hasResourceProperties('AWS::Cognito::UserPoolClient', {
      ExplicitAuthFlows: Match.exact(['ALLOW_CUSTOM_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH']),
      AllowedOAuthFlowsUserPoolClient: false,
      AllowedOAuthFlows: Match.absent(),
      PreventUserExistenceErrors: 'ENABLED',
    });
  });
});

describe('the pool', () => {
  test('of auto-sign-in is on the Essentials tier and texts codes', () => {
    const { template } = make();
    template.hasResourceProperties('AWS::Cognito::UserPool', {
      UserPoolTier: 'ESSENTIALS',
      UsernameAttributes: ['phone_number'],
      Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'SMS_OTP'] } },
    });
  });

  test('of auto-confirm needs no more than the Lite tier', () => {
    const { template } = make({ signUp: 'auto-confirm' });
    template.hasResourceProperties('AWS::Cognito::UserPool', {
      UserPoolTier: 'LITE',
      Policies: { SignInPolicy: Match.absent() },
    });
  });

  for (const signUp of ['auto-sign-in', 'auto-confirm'] as const) {
    test(`of ${signUp} lets a number move only when it is proved`, () => {
      const { template } = make({ signUp });
      template.hasResourceProperties('AWS::Cognito::UserPool', {
        AutoVerifiedAttributes: ['phone_number'],
        UserAttributeUpdateSettings: { AttributesRequireVerificationBeforeUpdate: ['phone_number'] },
        AccountRecoverySetting: { RecoveryMechanisms: [{ Name: 'admin_only', Priority: 1 }] },
      });
    });
  }

  test('calls the function at every trigger that it has work at, and only the pool may', () => {
    const { template } = make();
    const arn = { 'Fn::GetAtt': [Match.stringLikeRegexp('^PhoneAuthFunction'), 'Arn'] };
    template.hasResourceProperties('AWS::Cognito::UserPool', {
      LambdaConfig: Match.exact({
        PreSignUp: arn,
        PostConfirmation: arn,
        PreAuthentication: arn,
        PostAuthentication: arn,
        CustomMessage: arn,
        DefineAuthChallenge: arn,
        CreateAuthChallenge: arn,
        VerifyAuthChallengeResponse: arn,
      }),
    });
    const permissions = Object.values(template.findResources('AWS::Lambda::Permission'));
    assert.equal(permissions.length, 8);
    for (const { Properties } of permissions) {
      assert.equal(Properties.Principal, 'cognito-idp.amazonaws.com');
      assert.match(Properties.SourceArn['Fn::GetAtt'][0], /^PhoneAuthUserPool/);
    }
  });

  test('that the app made itself gets the triggers, and stays the only one', () => {
    const stack = newStack();
    const userPool = new cognito.UserPool(stack, 'Mine');
    const { template, auth } = make({ userPool }, stack);
    template.resourceCountIs('AWS::Cognito::UserPool', 1);
    template.resourceCountIs('AWS::Cognito::UserPoolClient', 0);
    template.hasResourceProperties('AWS::Cognito::UserPool', { LambdaConfig: Match.objectLike({ PreSignUp: Match.anyValue() }) });
    assert.equal(auth.userPoolClient, undefined);
  });

  test('that was imported is left alone and may call the function', () => {
    const stack = newStack();
    const userPool = cognito.UserPool.fromUserPoolId(stack, 'Imported', 'us-east-1_AbC123xyz');
    const { template } = make({ userPool }, stack);
    template.resourceCountIs('AWS::Cognito::UserPool', 0);
    template.resourceCountIs('AWS::Lambda::Permission', 1);
    const ofPool = Match.objectLike({ 'Fn::Join': ['', Match.arrayWith([':userpool/us-east-1_AbC123xyz'])] });
    template.hasResourceProperties('AWS::Lambda::Permission', { SourceArn: ofPool });
    template.hasResourceProperties('AWS::WAFv2::WebACLAssociation', { ResourceArn: ofPool });
    assert.deepEqual(findings(synthesized(stack)), []);
  });
});

describe('addresses', () => {
  test('are counted where the pool is', () => {
    const { template } = make();
    template.hasResourceProperties('AWS::WAFv2::WebACLAssociation', {
      WebACLArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^PhoneAuthWebAcl'), 'Arn'] },
      ResourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^PhoneAuthUserPool'), 'Arn'] },
    });
    template.hasResourceProperties('AWS::WAFv2::WebACL', {
      Scope: 'REGIONAL',
      Rules: [
        { Name: 'texts-per-address', Action: { Block: {} }, Statement: { RateBasedStatement: { AggregateKeyType: 'IP', Limit: 100 } } },
        { Name: 'requests-per-address', Action: { Block: {} }, Statement: { RateBasedStatement: { AggregateKeyType: 'IP', Limit: 1000 } } },
      ],
    });
  });

  test('that a proxy names are counted beside its own', () => {
    const { template } = make({ addresses: { textRequests: 30, forwardedHeader: 'x-real-ip', action: 'count' } });
    const rules = Object.values(template.findResources('AWS::WAFv2::WebACL'))[0]!.Properties.Rules;
    assert.deepEqual(
      rules.map((one: any) => [one.Action, one.Statement.RateBasedStatement.AggregateKeyType, one.Statement.RateBasedStatement.Limit]),
      [
        [{ Count: {} }, 'IP', 30],
        [{ Count: {} }, 'IP', 1000],
        [{ Count: {} }, 'FORWARDED_IP', 30],
      ],
    );
  });
});

describe('what a deletion of the stack leaves', () => {
  for (const type of [
    'AWS::Cognito::UserPool',
    'AWS::Cognito::UserPoolClient',
    'AWS::DynamoDB::Table',
    'AWS::SecretsManager::Secret',
  ]) {
    test(type, () => {
      make().template.hasResource(type, { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    });
  }
});

describe('alarms', () => {
  test('go to a new topic, to which only CloudWatch of this account publishes', () => {
    const { template } = make({ alarms: { email: 'ops@example.com' } });
    template.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'ops@example.com' });
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          },
        ],
      },
    });
  });

  test('go to the topic that is given', () => {
    const stack = newStack();
    const topic = sns.Topic.fromTopicArn(stack, 'Ours', 'arn:aws:sns:us-east-1:123456789012:ours');
    const { template } = make({ alarms: { topic } }, stack);
    template.resourceCountIs('AWS::SNS::Topic', 0);
    template.allResourcesProperties('AWS::CloudWatch::Alarm', { AlarmActions: ['arn:aws:sns:us-east-1:123456789012:ours'] });
  });

  test('are raised by what is given', () => {
    const { template } = make({ alarms: { monthlySpend: 7, textsPerHour: 8, failedTexts: 9, refusedTexts: 11 } });
    const thresholds: [string, number][] = [
      ['SMSMonthToDateSpentUSD', 7],
      ['TextsSent', 8],
      ['TextsFailed', 9],
      ['NumberOfNotificationsFailed', 9],
      ['TextsRefused', 11],
    ];
    for (const [MetricName, Threshold] of thresholds) {
      template.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName, Threshold });
    }
  });
});

describe('settings of the function', () => {
  test('are what is given', () => {
    const { template } = make({
      countries: ['IN', 'DE'],
      srp: true,
      message: 'Acme: {####}',
      appHost: 'app.example.com',
      senderId: 'ACME',
      maxPrice: '0.50',
      destination: 'last-four',
      dlt: { entityId: '1701', templateId: '1707' },
      denyPrefixes: ['+4418', '+8829'],
      budget: { hour: 12.5, month: 'off' },
      countryBudget: { day: 200 },
      prices: { '+49': 0.0895, '+91': 0.0028 },
      fallbackPrice: 0.3,
      stepUp: 'off',
      limits: { poolHour: 2, poolDay: 'off' },
      memorySize: 512,
      reservedConcurrency: 20,
      architecture: lambda.Architecture.X86_64,
      logLevel: 'debug',
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Architectures: ['x86_64'],
      MemorySize: 512,
      ReservedConcurrentExecutions: 20,
      Timeout: 5,
      Runtime: 'provided.al2023',
      Environment: {
        Variables: {
          BELLHOP_COUNTRIES: 'IN,DE',
          BELLHOP_SRP: 'on',
          BELLHOP_MESSAGE: 'Acme: {####}',
          BELLHOP_APP_HOST: 'app.example.com',
          BELLHOP_SENDER_ID: 'ACME',
          BELLHOP_MAX_PRICE: '0.50',
          BELLHOP_DESTINATION: 'last-four',
          BELLHOP_DLT_ENTITY_ID: '1701',
          BELLHOP_DLT_TEMPLATE_ID: '1707',
          BELLHOP_LIMIT_POOL_HOUR: '2',
          BELLHOP_LIMIT_POOL_DAY: 'off',
          BELLHOP_DENY_PREFIXES: '+4418,+8829',
          BELLHOP_BUDGET_HOUR: '12.5',
          BELLHOP_BUDGET_DAY: '300',
          BELLHOP_BUDGET_MONTH: 'off',
          BELLHOP_BUDGET_COUNTRY_DAY: '200',
          BELLHOP_PRICES: '+49=0.0895,+91=0.0028',
          BELLHOP_FALLBACK_PRICE: '0.3',
          BELLHOP_STEP_UP: 'off',
          BELLHOP_LOG_LEVEL: 'debug',
        },
      },
    });
  });

  const contradictions: [string, Partial<BellhopPhoneAuthProps>, RegExp][] = [
    ['no country', { countries: [] }, /countries must name at least one/],
    ['passwords where they prove nothing', { signUp: 'auto-confirm', srp: true }, /srp must be off/],
    ['a password kept where it is overwritten', { signUp: 'auto-confirm', keepPassword: true }, /keepPassword must be off/],
    ['a message without the code', { message: 'Hello' }, /must have \{####\}/],
    ['AWS End User Messaging from nowhere', { sender: 'eums' }, /needs originationIdentity/],
    ['an identity that rights cannot be given for', { sender: 'eums', originationIdentity: 'pool-1' }, /as an ARN/],
    ['a sender id of SNS for another', { sender: 'eums', originationIdentity: 'arn:aws:sms-voice:…', senderId: 'ACME' }, /is for Amazon SNS/],
    ['a configuration set for SNS', { configurationSet: 'acme' }, /is for AWS End User Messaging/],
  ];
  for (const [name, props, sentence] of contradictions) {
    test(`refuse ${name}`, () => assert.throws(() => make(props), sentence));
  }
});

test('the sample app is synthesized, with the zip that the context names', () => {
  const outdir = temporary();
  const { context } = JSON.parse(readFileSync(join(__dirname, '../../cdk.json'), 'utf8')); // findings are errors
  process.env.CDK_OUTDIR = outdir;
  process.env.CDK_CONTEXT_JSON = JSON.stringify({ ...context, 'bellhop-zip': zipFile() });
  try {
    (require('../bin/app') as typeof import('../bin/app')).app.synth();
  } finally {
    delete process.env.CDK_OUTDIR;
    delete process.env.CDK_CONTEXT_JSON;
  }
  assert.ok(readdirSync(outdir).some((name) => /^asset\..*\.zip$/.test(name)));
  const template = JSON.parse(readFileSync(join(outdir, 'Bellhop.template.json'), 'utf8'));
  assert.ok(template.Outputs.UserPoolClientId);
});
