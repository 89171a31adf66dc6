import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import * as cognito from 'aws-cdk-lib/aws-cognito';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sns from 'aws-cdk-lib/aws-sns';

import { BellhopPhoneAuth, type BellhopPhoneAuthProps } from '../lib/bellhop-phone-auth';
import {
  type CloudFormation,
  type Fields,
  type Json,
  decided,
  errorsAsWritten,
  findings,
  newStack,
  ofType,
  only,
  samTemplate,
  statements,
  synthesized,
  temporary,
} from './cloudformation';

/** One deployment, by the parameters of the SAM template and by the props of the construct. */
interface Deployment {
  parameters: { [name: string]: string | number };
  props: BellhopPhoneAuthProps;
  existingPool?: boolean;
  existingTopic?: boolean;
}

const identity = 'arn:aws:sms-voice:us-east-1:123456789012:pool/pool-1';

const deployments: { [name: string]: Deployment } = {
  'auto-sign-in by SNS': {
    parameters: { SignUpWay: 'auto-sign-in', Countries: 'IN,DE' },
    props: { signUp: 'auto-sign-in', countries: ['IN', 'DE'] },
  },
  'auto-confirm by SNS': {
    parameters: { SignUpWay: 'auto-confirm', Countries: 'IN', AlarmEmail: 'ops@example.com' },
    props: { signUp: 'auto-confirm', countries: ['IN'], alarms: { email: 'ops@example.com' } },
  },
  'auto-confirm by AWS End User Messaging, behind a proxy': {
    parameters: {
      SignUpWay: 'auto-confirm',
      Countries: '*',
      Sender: 'eums',
      OriginationIdentity: identity,
      ConfigurationSet: 'acme',
      DltEntityId: '1701',
      DltTemplateId: '1707',
      ForwardedAddressHeader: 'x-real-ip',
      AddressLimitAction: 'count',
      ReservedConcurrency: 50,
    },
    props: {
      signUp: 'auto-confirm',
      countries: ['*'],
      sender: 'eums',
      originationIdentity: identity,
      configurationSet: 'acme',
      dlt: { entityId: '1701', templateId: '1707' },
      addresses: { forwardedHeader: 'x-real-ip', action: 'count' },
      reservedConcurrency: 50,
    },
  },
  'auto-sign-in in a pool and with a topic that are there': {
    parameters: {
      SignUpWay: 'auto-sign-in',
      Countries: 'IN',
      Srp: 'on',
      KeepPassword: 'on',
      ExistingUserPoolId: 'us-east-1_AbC123xyz',
      AlarmTopicArn: 'arn:aws:sns:us-east-1:123456789012:ours',
      MonthlySpendAlarm: 7,
      LimitPoolDay: 'off',
      BudgetHour: '12.5',
      BudgetCountryMonth: 'off',
      DenyPrefixes: '+4418,+8829',
      Prices: '+49=0.0895',
      StepUp: 'off',
    },
    props: {
      signUp: 'auto-sign-in',
      countries: ['IN'],
      srp: true,
      keepPassword: true,
      alarms: { monthlySpend: 7 },
      limits: { poolDay: 'off' },
      budget: { hour: 12.5 },
      countryBudget: { month: 'off' },
      denyPrefixes: ['+4418', '+8829'],
      prices: { '+49': 0.0895 },
      stepUp: 'off',
    },
    existingPool: true,
    existingTopic: true,
  },
};

const sam = samTemplate();

function byConstruct({ props, existingPool, existingTopic }: Deployment): CloudFormation {
  const stack = newStack();
  const zip = join(temporary(), 'bellhop-lambda.zip');
  writeFileSync(zip, 'a zip');
  const userPool = existingPool ? cognito.UserPool.fromUserPoolId(stack, 'Pool', 'us-east-1_AbC123xyz') : undefined;
  const topic = existingTopic ? sns.Topic.fromTopicArn(stack, 'Ours', 'arn:aws:sns:us-east-1:123456789012:ours') : undefined;
  new BellhopPhoneAuth(stack, 'PhoneAuth', {
    code: lambda.Code.fromAsset(zip),
    ...props,
    ...(userPool && { userPool }),
    ...(topic && { alarms: { ...props.alarms, topic } }),
  });
  return synthesized(stack);
}

test('the SAM template has no error as it is written', () => {
  assert.deepEqual(errorsAsWritten(), []);
});

test('what AWS has against a template is found', () => {
  const faulty = decided(sam, { Countries: 'IN' });
  const { PreSignUp, ...rest } = only(faulty, 'AWS::Cognito::UserPool').Properties.LambdaConfig as Fields;
  only(faulty, 'AWS::Cognito::UserPool').Properties.LambdaConfig = { ...rest, PreSignup: PreSignUp! };
  only(faulty, 'AWS::Lambda::Function').Properties.Timeout = 901;
  only(faulty, 'AWS::Lambda::Permission').Properties.FunctionName = { Ref: 'Nothing' };
  const found = findings(faulty);
  for (const resource of ['UserPool', 'Function', 'MayBeCalledByPool']) {
    assert.ok(found.some((one) => one.includes(` ${resource}:`)), `${resource}: ${found}`);
  }
});

test('every parameter of the SAM template is used and explained', () => {
  const groups = (sam as any).Metadata['AWS::CloudFormation::Interface'].ParameterGroups;
  const grouped = groups.flatMap((one: any) => one.Parameters);
  assert.deepEqual(grouped.toSorted(), Object.keys(sam.Parameters).toSorted());
  const { Parameters, Metadata, ...rest } = sam;
  for (const [name, { Description }] of Object.entries(Parameters)) {
    assert.ok(JSON.stringify(rest).includes(`"${name}"`) || JSON.stringify(rest).includes(`\${${name}}`), `${name} is used`);
    assert.ok(Description, `${name} is explained`);
  }
});

for (const [name, deployment] of Object.entries(deployments)) {
  describe(name, () => {
    const bySam = decided(sam, deployment.parameters);
    const byCdk = byConstruct(deployment);

    test('AWS has nothing against either', () => {
      assert.deepEqual(findings(bySam), []);
      assert.deepEqual(findings(byCdk), []);
    });

    for (const [kind, template] of [['template', bySam], ['construct', byCdk]] as const) {
      test(`the ${kind} gives no more rights than are needed`, () => assertLeastPrivilege(template));
    }

    test('template and construct make the same resources', () => {
      assert.deepEqual(types(bySam), types(byCdk));
    });

    test('template and construct set the function up alike', () => {
      assert.deepEqual(functionOf(bySam), functionOf(byCdk));
    });

    test('template and construct give the same rights', () => {
      assert.deepEqual(rights(bySam), rights(byCdk));
    });

    test('template and construct raise the same alarms', () => {
      assert.deepEqual(alarms(bySam), alarms(byCdk));
      assert.deepEqual(counted(bySam), counted(byCdk));
    });

    test('template and construct count addresses alike', () => {
      assert.deepEqual(rules(bySam), rules(byCdk));
    });

    test('template and construct keep things alike', () => {
      assert.deepEqual(table(bySam), table(byCdk));
      assert.deepEqual(kept(bySam), kept(byCdk));
    });

    if (deployment.existingPool) return;
    test('template and construct make the same pool and app client', () => {
      assert.deepEqual(pool(bySam), pool(byCdk));
      assert.deepEqual(client(bySam), client(byCdk));
    });
  });
}

test('a stranger\'s password can be overwritten, unless it is to be kept', () => {
  for (const [given, kept] of [
    [{ SignUpWay: 'auto-sign-in' }, false],
    [{ SignUpWay: 'auto-confirm' }, false],
    [{ SignUpWay: 'auto-sign-in', KeepPassword: 'on' }, true],
  ] as const) {
    const all = statements(decided(sam, { Countries: 'IN', ...given }));
    assert.equal(all.some(({ Action }) => Action.includes('cognito-idp:AdminSetUserPassword')), !kept, JSON.stringify(given));
  }
});

/** `*` stands where AWS knows no resource, and nowhere else. */
function assertLeastPrivilege(template: CloudFormation): void {
  const all = statements(template);
  assert.ok(all.length >= 5);
  for (const { Effect, Action, Resource } of all) {
    if (Effect === 'Deny') continue;
    for (const action of Action) assert.match(action, /^[a-z-]+:[A-Za-z]+$/, 'an action is named in full');
    if (!Resource.includes('*')) continue;
    assert.deepEqual([Action, Resource], [['sns:Publish'], ['*']]);
  }
  for (const { Properties } of ofType(template, 'AWS::IAM::Role')) {
    assert.equal(Properties.ManagedPolicyArns, undefined, 'managed policies give more than is needed');
  }
  const fromFunction = all.filter(({ Sid }) => Sid === 'Text' || Sid === 'NoTopics');
  if (fromFunction.some(({ Action }) => Action.includes('sns:Publish'))) {
    const denied = fromFunction.find(({ Effect }) => Effect === 'Deny');
    assert.match(JSON.stringify(denied?.Resource), /:sns:\*:\*:\*"/, 'topics are denied');
  }
  for (const { Properties } of ofType(template, 'AWS::Lambda::Permission')) {
    assert.ok(Properties.SourceArn, 'only the pool calls the function');
  }
  for (const { Properties } of ofType(template, 'AWS::IAM::Role')) {
    const [trust] = (Properties.AssumeRolePolicyDocument as any).Statement;
    if (trust.Principal.Service !== 'cognito-idp.amazonaws.com') continue;
    assert.ok(trust.Condition.StringEquals['sts:ExternalId'], 'who is not our pool does not send our texts');
  }
}

function types(template: CloudFormation): string[] {
  return [...new Set(Object.values(template.Resources).map((one) => one.Type))].toSorted();
}

/** The function, with a word in the place of what refers to other resources. */
function functionOf(template: CloudFormation): Json {
  const { Role, Code, LoggingConfig, Environment, ...rest } = only(template, 'AWS::Lambda::Function').Properties as any;
  const variables = Object.entries(Environment.Variables).map(([name, value]) => [
    name,
    typeof value === 'object' ? 'a resource' : value,
  ]);
  return { ...rest, LoggingConfig: Object.keys(LoggingConfig), Variables: Object.fromEntries(variables) };
}

function rights(template: CloudFormation): Json {
  const all = statements(template).map(({ Sid = '', Effect, Action, Resource }) => [
    Sid,
    Effect,
    Action.toSorted().join(),
    Resource.length,
    Resource.includes('*'),
  ]);
  return all.toSorted((a, b) => String(a).localeCompare(String(b)));
}

function alarms(template: CloudFormation): Json {
  const all = ofType(template, 'AWS::CloudWatch::Alarm').map(({ Properties }) => {
    const { AlarmDescription, AlarmActions, Namespace, Dimensions, ...rest } = Properties as any;
    const dimensions = (Dimensions ?? []).map((one: Fields) => [one.Name, typeof one.Value === 'string' ? one.Value : 'a resource']);
    return { ...rest, dimensions, to: AlarmActions.length, own: typeof Namespace === 'object' || Namespace };
  });
  assert.ok(all.every(({ to }) => to === 1), 'every alarm is told to somebody');
  return all.toSorted((a, b) => a.MetricName.localeCompare(b.MetricName));
}

function counted(template: CloudFormation): Json {
  const all = ofType(template, 'AWS::Logs::MetricFilter').map(({ Properties }) => {
    const [{ MetricName, MetricValue, DefaultValue }] = Properties.MetricTransformations as any;
    return [MetricName, Properties.FilterPattern, MetricValue, DefaultValue];
  });
  return all.toSorted((a, b) => a[0].localeCompare(b[0]));
}

function rules(template: CloudFormation): Json {
  const { Rules, Scope, DefaultAction, VisibilityConfig } = only(template, 'AWS::WAFv2::WebACL').Properties;
  return { Rules, Scope, DefaultAction, VisibilityConfig } as Json;
}

function table(template: CloudFormation): Json {
  return only(template, 'AWS::DynamoDB::Table').Properties;
}

/** What outlives the stack. */
function kept(template: CloudFormation): Json {
  const all = Object.values(template.Resources).filter((one) => one.DeletionPolicy === 'Retain');
  return all.map((one) => [one.Type, one.UpdateReplacePolicy ?? '']).toSorted();
}

function pool(template: CloudFormation): Json {
  const { LambdaConfig, SmsConfiguration, ...rest } = only(template, 'AWS::Cognito::UserPool').Properties as any;
  const { CallerArn, SnsCallerArn, ...texts } = SmsConfiguration.EumsSms ?? SmsConfiguration;
  assert.match(JSON.stringify(CallerArn ?? SnsCallerArn), /TextRole/);
  // CDK writes these out as Cognito has them anyway.
  for (const name of ['EmailVerificationMessage', 'EmailVerificationSubject', 'SmsVerificationMessage', 'VerificationMessageTemplate']) {
    delete rest[name];
  }
  return { ...rest, triggers: Object.keys(LambdaConfig).toSorted(), texts };
}

function client(template: CloudFormation): Json {
  const { UserPoolId, ExplicitAuthFlows, ...rest } = only(template, 'AWS::Cognito::UserPoolClient').Properties as any;
  return { ...rest, flows: ExplicitAuthFlows.toSorted() };
}
