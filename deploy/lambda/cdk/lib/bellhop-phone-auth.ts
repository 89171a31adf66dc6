import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { Aws, Duration, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as cognito from 'aws-cdk-lib/aws-cognito';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions';
import * as wafv2 from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';

/** A number of deeds from 1 on, or none too many. */
export type Limit = number | 'off';

/** How many texts a pool may have. */
export interface Limits {
  /**
   * To strangers in an hour, answered or not. Default 1000. Known numbers have as many for
   * themselves. With the next, the ceiling of the bill.
   */
  readonly poolHour?: Limit;
  /** The same in a day. Default 5000. */
  readonly poolDay?: Limit;
}

/** Dollars, or no bound. */
export type Dollars = number | 'off';

/** What texts to strangers may cost whose codes are not used. Known numbers have as much for themselves. */
export interface Budget {
  readonly hour?: Dollars;
  readonly day?: Dollars;
  /** In 30 days. */
  readonly month?: Dollars;
}

/** How much one address may ask within five minutes. Many people may share one. */
export interface AddressLimits {
  /** Requests that may lead to a text. Default 100. */
  readonly textRequests?: number;
  /** Requests of any kind. Default 1000. */
  readonly requests?: number;
  /** A header in which a proxy of yours names the caller's address. Default: there is no proxy. */
  readonly forwardedHeader?: string;
  /** `count` refuses nobody and shows in WAF what would have been refused. Default `block`. */
  readonly action?: 'block' | 'count';
}

/** When to raise an alarm, and where. */
export interface Alarms {
  /** An address that alarms are mailed to, if it agrees. Not together with `topic`. */
  readonly email?: string;
  /** A topic that you have already. Default: a new one. */
  readonly topic?: sns.ITopic;
  /** Dollars spent on texts in this month, by the whole account in this region. Default 50. */
  readonly monthlySpend?: number;
  /** Texts in one hour. Default 500. */
  readonly textsPerHour?: number;
  /** Texts that failed within fifteen minutes. Default 10. */
  readonly failedTexts?: number;
  /** Texts that a limit refused within fifteen minutes. Default 50. */
  readonly refusedTexts?: number;
}

export interface BellhopPhoneAuthProps {
  /**
   * `auto-sign-in` for Amplify 6: Cognito texts the code of a sign-up, on the Essentials
   * tier. `auto-confirm` for Amplify 5: an account exists before its number is proved.
   * docs/deploy-cognito.md says what follows from each.
   */
  readonly signUp: 'auto-sign-in' | 'auto-confirm';
  /** ISO 3166 codes of the countries whose numbers may get texts, or `*` alone for all. Each is a bill. */
  readonly countries: readonly string[];
  /** Prefixes that get no texts though their country does, as in `+4418`. Default: none. */
  readonly denyPrefixes?: readonly string[];

  /**
   * A pool that you have already. One made in the same app gets its triggers here; the
   * triggers of an imported one are yours to set. Default: a new pool with an app client.
   */
  readonly userPool?: cognito.IUserPool;
  /** The name of the new pool. Default `bellhop`. */
  readonly poolName?: string;
  /** Whether a sign-in may begin with a password (CUSTOM_AUTH with SRP). Only with `auto-sign-in`. Default false. */
  readonly srp?: boolean;
  /**
   * Whether the password of a sign-up outlives its confirmation, though a stranger may
   * have chosen it. Only with `auto-sign-in`. Default false.
   */
  readonly keepPassword?: boolean;

  /** What a text says; `{####}` stands for the code. Default `Your verification code is {####}.` */
  readonly message?: string;
  /** The host of your web app. Browsers then offer the code there and nowhere else. Default: none. */
  readonly appHost?: string;
  /**
   * What the app is told of the number that a code went to. `last-four` can tell a
   * stranger who has an account. Default `hidden`.
   */
  readonly destination?: 'hidden' | 'last-four';
  /** Who takes the function's texts, Amazon SNS or AWS End User Messaging. Default `sns`. */
  readonly sender?: 'sns' | 'eums';
  /** The sender that phones show, with `sns`. India needs one. */
  readonly senderId?: string;
  /** The number to send from. With `eums` needed: the ARN of a number, pool or sender id of this account. */
  readonly originationIdentity?: string;
  /** The name of a configuration set, with `eums`. */
  readonly configurationSet?: string;
  /** The most that one text may cost, in dollars, as in `0.50`. Default: no limit. */
  readonly maxPrice?: string;
  /** India: what the message was registered as on the DLT platform. */
  readonly dlt?: { readonly entityId: string; readonly templateId: string };

  /** Of all countries. Default 100, 300 and 1500 dollars. */
  readonly budget?: Budget;
  /** Of each country. Default 60, 150 and 750 dollars. */
  readonly countryBudget?: Budget;
  /** Your own prices of a text in dollars by prefix, as in `{ '+49': 0.0895 }`, over those that the function has. */
  readonly prices?: Readonly<Record<string, number>>;
  /** Dollars that a text is taken to cost where no price is known. Default 0.25. */
  readonly fallbackPrice?: number;
  /** What a stranger may do for a text where the guard has doubts; `off` refuses it. Default `proof-of-work`. */
  readonly stepUp?: 'proof-of-work' | 'off';
  readonly limits?: Limits;
  readonly addresses?: AddressLimits;
  readonly alarms?: Alarms;

  /**
   * The zip file of `make lambda`. Default: the one that the context `bellhop-zip` names,
   * else the one of this repository's `bin` for `architecture`.
   */
  readonly code?: lambda.Code;
  /** Default ARM_64. */
  readonly architecture?: lambda.Architecture;
  /** Mebibytes. Default 256. */
  readonly memorySize?: number;
  /** How many calls may run at once, at most and at least. Default: the account's limit. */
  readonly reservedConcurrency?: number;
  /** What the function writes down. Alarms on texts need `info` or `debug`. Default `info`. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error';
  /** Default ONE_MONTH. */
  readonly logRetention?: logs.RetentionDays;
}

/**
 * Sign-in by texted code for an Amazon Cognito user pool: bellhop-lambda as its triggers,
 * and the table, key, pool, app client, WAF rules and alarms that go with it.
 */
export class BellhopPhoneAuth extends Construct {
  readonly userPool: cognito.IUserPool;
  /** The app client of the new pool; undefined where the pool was given. */
  readonly userPoolClient: cognito.UserPoolClient | undefined;
  readonly function: lambda.Function;
  readonly table: dynamodb.Table;
  readonly webAcl: wafv2.CfnWebACL;
  readonly alarmTopic: sns.ITopic;

  constructor(scope: Construct, id: string, props: BellhopPhoneAuthProps) {
    super(scope, id);
    refuseContradictions(this, props);

    this.table = this.makeTable();
    const key = this.makeKey();
    const log = new logs.LogGroup(this, 'Log', {
      retention: props.logRetention ?? logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.function = this.makeFunction(props, key, log);

    if (props.userPool) {
      this.userPool = props.userPool;
    } else {
      this.userPool = this.makePool(props);
      this.userPoolClient = this.makeClient(props);
    }
    this.attachTriggers(props);
    this.allowOnPool(props);

    this.webAcl = this.makeWebAcl(props.addresses ?? {});
    this.alarmTopic = this.makeTopic(props.alarms ?? {});
    this.makeAlarms(props, log);
  }

  /** What the function keeps: challenges, tries and counters, all with an end. */
  private makeTable(): dynamodb.Table {
    return new dynamodb.Table(this, 'Table', {
      partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'sk', type: dynamodb.AttributeType.STRING },
      timeToLiveAttribute: 'ttl',
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      encryption: dynamodb.TableEncryption.AWS_MANAGED,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  /** The key that codes are made with. Nobody has to know it. */
  private makeKey(): secretsmanager.Secret {
    return new secretsmanager.Secret(this, 'Key', {
      description: 'The key that bellhop-lambda makes codes with.',
      generateSecretString: { passwordLength: 64, excludePunctuation: true },
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  private makeFunction(props: BellhopPhoneAuthProps, key: secretsmanager.Secret, log: logs.LogGroup): lambda.Function {
    const role = new iam.Role(this, 'Role', {
      description: 'What bellhop-lambda may do.',
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
    });
    for (const statement of this.statements(props, key, log)) role.addToPolicy(statement);

    const architecture = props.architecture ?? lambda.Architecture.ARM_64;
    return new lambda.Function(this, 'Function', {
      description: 'The triggers of a user pool that signs in by texted code.',
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
      architecture,
      code: props.code ?? builtCode(this, architecture),
      role,
      memorySize: props.memorySize ?? 256,
      timeout: Duration.seconds(5), // as long as Cognito waits
      logGroup: log,
      environment: environment(props, this.table, key),
      ...(props.reservedConcurrency !== undefined && { reservedConcurrentExecutions: props.reservedConcurrency }),
    });
  }

  private statements(props: BellhopPhoneAuthProps, key: secretsmanager.Secret, log: logs.LogGroup): iam.PolicyStatement[] {
    const common = [
      new iam.PolicyStatement({
        sid: 'Log',
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [log.logGroupArn],
      }),
      new iam.PolicyStatement({
        sid: 'Table',
        actions: ['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
        resources: [this.table.tableArn],
      }),
      new iam.PolicyStatement({
        sid: 'Key',
        actions: ['secretsmanager:GetSecretValue'],
        resources: [key.secretArn],
      }),
    ];
    if (props.sender === 'eums') return [...common, mayTextByEndUserMessaging(this, props)];
    // A text to a phone is no resource that a policy could name. Topics are, and are not
    // meant.
    return [
      ...common,
      new iam.PolicyStatement({ sid: 'Text', actions: ['sns:Publish'], resources: ['*'] }),
      new iam.PolicyStatement({
        sid: 'NoTopics',
        effect: iam.Effect.DENY,
        actions: ['sns:Publish'],
        resources: [`arn:${Aws.PARTITION}:sns:*:*:*`],
      }),
    ];
  }

  private makePool(props: BellhopPhoneAuthProps): cognito.UserPool {
    const autoSignIn = props.signUp === 'auto-sign-in';
    // The stack's UUID, which no other account can guess.
    const externalId = Fn.select(2, Fn.split('/', Aws.STACK_ID));
    const smsRole = this.makeTextRole(externalId, props);
    const pool = new cognito.UserPool(this, 'UserPool', {
      userPoolName: props.poolName ?? 'bellhop',
      featurePlan: autoSignIn ? cognito.FeaturePlan.ESSENTIALS : cognito.FeaturePlan.LITE,
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      selfSignUpEnabled: true,
      signInAliases: { phone: true },
      signInCaseSensitive: false,
      autoVerify: { phone: true },
      // Else whoever has an account could make a stranger's number its name, and wait.
      keepOriginal: { phone: true },
      smsRole,
      smsRoleExternalId: externalId,
      snsRegion: Aws.REGION,
      mfa: cognito.Mfa.OFF,
      // A forgotten password is a text more that a stranger can ask for.
      accountRecovery: cognito.AccountRecovery.NONE,
      passwordPolicy: {
        minLength: 16,
        requireLowercase: true,
        requireUppercase: true,
        requireDigits: true,
        requireSymbols: true,
        tempPasswordValidity: Duration.days(7),
      },
      // Cognito wants the password in this list.
      ...(autoSignIn && { signInPolicy: { allowedFirstAuthFactors: { password: true, smsOtp: true } } }),
    });
    if (props.sender === 'eums') {
      (pool.node.defaultChild as cognito.CfnUserPool).smsConfiguration = {
        eumsSms: {
          callerArn: smsRole.roleArn,
          externalId,
          originationIdentity: props.originationIdentity!,
          ...(props.configurationSet && { configurationSetName: props.configurationSet }),
          ...(props.dlt && { inEntityId: props.dlt.entityId, inTemplateId: props.dlt.templateId }),
        },
      };
    }
    return pool;
  }

  /**
   * Cognito's own texts: of the sign-up and of SMS_OTP with auto-sign-in, of a changed
   * number with both ways.
   */
  private makeTextRole(externalId: string, props: BellhopPhoneAuthProps): iam.Role {
    // By SNS as Cognito asks for it: it refuses a role that may not publish.
    const statement =
      props.sender === 'eums'
        ? { actions: ['sms-voice:SendTextMessage'], resources: [props.originationIdentity!] }
        : { actions: ['sns:Publish'], resources: ['*'] };
    return new iam.Role(this, 'TextRole', {
      description: "What Cognito may do to send the pool's texts.",
      // Nothing beside the external id: Cognito tries the role before the pool is there
      // that it could name.
      assumedBy: new iam.ServicePrincipal('cognito-idp.amazonaws.com', {
        conditions: { StringEquals: { 'sts:ExternalId': externalId } },
      }),
      inlinePolicies: { texts: new iam.PolicyDocument({ statements: [new iam.PolicyStatement(statement)] }) },
    });
  }

  private makeClient(props: BellhopPhoneAuthProps): cognito.UserPoolClient {
    const client = new cognito.UserPoolClient(this, 'UserPoolClient', {
      userPool: this.userPool,
      userPoolClientName: 'app',
      generateSecret: false,
      authFlows: props.signUp === 'auto-sign-in' ? { user: true, custom: true } : { custom: true },
      disableOAuth: true,
      preventUserExistenceErrors: true,
      enableTokenRevocation: true,
      authSessionValidity: Duration.minutes(10),
      accessTokenValidity: Duration.hours(1),
      idTokenValidity: Duration.hours(1),
      refreshTokenValidity: Duration.days(30),
    });
    client.applyRemovalPolicy(RemovalPolicy.RETAIN);
    return client;
  }

  private attachTriggers(props: BellhopPhoneAuthProps): void {
    if (this.userPool instanceof cognito.UserPool) {
      const all = props.signUp === 'auto-sign-in' ? [...triggers, ...triggersOfAutoSignIn] : triggers;
      for (const operation of all) this.userPool.addTrigger(operation, this.function);
      return;
    }
    this.function.addPermission('MayBeCalledByPool', {
      principal: new iam.ServicePrincipal('cognito-idp.amazonaws.com'),
      sourceArn: this.userPool.userPoolArn,
    });
  }

  /** A policy of its own, since the pool names the function and the function its role. */
  private allowOnPool(props: BellhopPhoneAuthProps): void {
    const statements = [
      new iam.PolicyStatement({
        sid: 'FreeNumbers',
        actions: ['cognito-idp:AdminDeleteUser', 'cognito-idp:AdminGetUser', 'cognito-idp:ListUsers'],
        resources: [this.userPool.userPoolArn],
      }),
    ];
    if (props.signUp === 'auto-sign-in' && !props.keepPassword) {
      statements.push(
        new iam.PolicyStatement({
          sid: 'EndPasswords',
          actions: ['cognito-idp:AdminSetUserPassword'],
          resources: [this.userPool.userPoolArn],
        }),
      );
    }
    if (props.signUp === 'auto-confirm') {
      statements.push(
        new iam.PolicyStatement({
          sid: 'ProveNumbers',
          actions: [
            'cognito-idp:AdminSetUserPassword',
            'cognito-idp:AdminUpdateUserAttributes',
            'cognito-idp:DescribeUserPoolClient',
            'cognito-idp:ListUserPoolClients',
          ],
          resources: [this.userPool.userPoolArn],
        }),
      );
    }
    new iam.Policy(this, 'PoolPolicy', { statements, roles: [this.function.role!] });
  }

  /** Events of triggers carry no address, so this is where addresses are counted. */
  private makeWebAcl(limits: AddressLimits): wafv2.CfnWebACL {
    const textRequests = limits.textRequests ?? 100;
    const rules: Omit<wafv2.CfnWebACL.RuleProperty, 'priority' | 'action' | 'visibilityConfig'>[] = [
      { name: 'texts-per-address', statement: rate({ limit: textRequests, textsOnly: true }) },
      { name: 'requests-per-address', statement: rate({ limit: limits.requests ?? 1000 }) },
    ];
    if (limits.forwardedHeader) {
      const statement = rate({ limit: textRequests, textsOnly: true, header: limits.forwardedHeader });
      rules.push({ name: 'texts-per-forwarded-address', statement });
    }
    const acl = new wafv2.CfnWebACL(this, 'WebAcl', {
      description: 'How much one address may ask of the user pool.',
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      visibilityConfig: visible('bellhop'),
      rules: rules.map((rule, priority) => ({
        ...rule,
        priority,
        action: limits.action === 'count' ? { count: {} } : { block: {} },
        visibilityConfig: visible(`bellhop-${rule.name}`),
      })),
    });
    new wafv2.CfnWebACLAssociation(this, 'WebAclOfPool', {
      webAclArn: acl.attrArn,
      resourceArn: this.userPool.userPoolArn,
    });
    return acl;
  }

  /**
   * Not encrypted by a key: CloudWatch cannot publish to a topic under the key of SNS,
   * and an alarm says nothing about anybody.
   */
  private makeTopic(alarms: Alarms): sns.ITopic {
    if (alarms.topic) return alarms.topic;
    const topic = new sns.Topic(this, 'AlarmTopic', { displayName: 'Bellhop alarms' });
    topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'Alarms',
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    );
    if (alarms.email) topic.addSubscription(new subscriptions.EmailSubscription(alarms.email));
    return topic;
  }

  private makeAlarms(props: BellhopPhoneAuthProps, log: logs.LogGroup): void {
    const { monthlySpend = 50, textsPerHour = 500, failedTexts = 10, refusedTexts = 50 } = props.alarms ?? {};
    const quarter = Duration.minutes(15);

    if (props.sender === 'eums') {
      this.alarm('EndUserMessagingSpendAlarm', monthlySpend, {
        description: 'Texts by AWS End User Messaging have cost more this month than the alarm allows.',
        metric: metric('AWS/SMSVoice', 'TextMessageMonthlySpend', 'Maximum'),
      });
    } else {
      this.alarm('SnsSpendAlarm', monthlySpend, {
        description: 'Texts by Amazon SNS have cost more this month than the alarm allows.',
        metric: metric('AWS/SNS', 'SMSMonthToDateSpentUSD', 'Maximum'),
      });
      this.alarm('SnsFailuresAlarm', failedTexts, {
        description: 'Amazon SNS could not deliver texts.',
        metric: metric('AWS/SNS', 'NumberOfNotificationsFailed', 'Sum', quarter, { PhoneNumber: 'PhoneNumberDirect' }),
      });
    }

    this.alarm('TextsPerHour', textsPerHour, {
      description: 'More texts were sent in an hour than the alarm allows, by the function and by Cognito.',
      metric: this.counted(log, 'TextsSent', logs.FilterPattern.any(said('text sent'), said('text by Cognito')), Duration.hours(1)),
    });
    this.alarm('FailedTexts', failedTexts, {
      description: 'The sender did not take texts of the function.',
      metric: this.counted(log, 'TextsFailed', said('text failed'), quarter),
    });
    this.alarm('RefusedTexts', refusedTexts, {
      description: 'The guard refused texts, or asked for more proof first. Somebody may be pumping them, or a limit is too low.',
      metric: this.counted(log, 'TextsRefused', logs.FilterPattern.any(said('text refused'), said('step-up asked for'), said('answer refused')), quarter),
    });

    // Not Lambda's own metric of errors: a refusal, such as of a limit, is one to it.
    const failures = logs.FilterPattern.anyTerm('trigger failed', 'text without the guard', 'Task timed out', 'Runtime exited');
    this.alarm('FailedCalls', 5, {
      description: 'The function failed. Every failure is a sign-in or sign-up that ended.',
      metric: this.counted(log, 'CallsFailed', failures, Duration.minutes(5)),
    });
    const ofFunction = { FunctionName: this.function.functionName };
    this.alarm('ThrottlesAlarm', 1, {
      description: 'The function was called more often at once than its concurrency allows.',
      metric: metric('AWS/Lambda', 'Throttles', 'Sum', undefined, ofFunction),
    });
    this.alarm('SlowAlarm', 4000, {
      description: 'Calls of the function took almost as long as Cognito waits.',
      metric: metric('AWS/Lambda', 'Duration', 'p99', undefined, ofFunction),
      periods: 3,
    });
  }

  /** Counts lines of the function's log. */
  private counted(log: logs.LogGroup, name: string, filterPattern: logs.IFilterPattern, period: Duration): cloudwatch.Metric {
    const metricNamespace = `Bellhop/${Aws.STACK_NAME}`;
    log.addMetricFilter(`${name}Metric`, {
      filterPattern,
      metricNamespace,
      metricName: name,
      metricValue: '1',
      defaultValue: 0,
    });
    return metric(metricNamespace, name, 'Sum', period);
  }

  private alarm(id: string, threshold: number, of: { description: string; metric: cloudwatch.Metric; periods?: number }): void {
    const alarm = new cloudwatch.Alarm(this, id, {
      alarmDescription: of.description,
      metric: of.metric,
      threshold,
      evaluationPeriods: of.periods ?? 1,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new actions.SnsAction(this.alarmTopic));
  }
}

/** The triggers that the function has work at. It answers the others, but need not be asked. */
const triggers = [
  cognito.UserPoolOperation.PRE_SIGN_UP,
  cognito.UserPoolOperation.POST_CONFIRMATION,
  cognito.UserPoolOperation.CUSTOM_MESSAGE,
  cognito.UserPoolOperation.DEFINE_AUTH_CHALLENGE,
  cognito.UserPoolOperation.CREATE_AUTH_CHALLENGE,
  cognito.UserPoolOperation.VERIFY_AUTH_CHALLENGE_RESPONSE,
];

/** Cognito's own codes sign in without any other trigger. */
const triggersOfAutoSignIn = [cognito.UserPoolOperation.PRE_AUTHENTICATION, cognito.UserPoolOperation.POST_AUTHENTICATION];

/** What the function itself would refuse at its first call, and what AWS would at deployment. */
function refuseContradictions(scope: Construct, props: BellhopPhoneAuthProps): void {
  const refuse = (sentence: string): never => {
    throw new Error(`${scope.node.path}: ${sentence}`);
  };
  if (props.countries.length === 0) refuse('countries must name at least one.');
  if (props.srp && props.signUp === 'auto-confirm') refuse('With auto-confirm a password proves nothing, so srp must be off.');
  if (props.keepPassword && props.signUp === 'auto-confirm') refuse('With auto-confirm the first right code overwrites the password, so keepPassword must be off.');
  if (props.message !== undefined && !props.message.includes('{####}')) refuse('message must have {####} where the code goes.');
  if (props.alarms?.email && props.alarms.topic) refuse('Give alarms a topic or an email. A topic of yours has its own subscriptions.');
  if (props.sender === 'eums') {
    if (!props.originationIdentity?.startsWith('arn:')) refuse('AWS End User Messaging needs originationIdentity, as an ARN.');
    if (props.senderId) refuse('senderId is for Amazon SNS. With eums the sender id is the originationIdentity.');
  } else if (props.configurationSet) {
    refuse('configurationSet is for AWS End User Messaging.');
  }
}

function environment(props: BellhopPhoneAuthProps, table: dynamodb.Table, key: secretsmanager.Secret): Record<string, string> {
  const limits = props.limits ?? {};
  return {
    BELLHOP_TABLE: table.tableName,
    BELLHOP_KEY_SECRET_ARN: key.secretArn,
    BELLHOP_SIGN_UP: props.signUp,
    BELLHOP_SRP: props.srp ? 'on' : 'off',
    BELLHOP_KEEP_PASSWORD: props.keepPassword ? 'on' : 'off',
    BELLHOP_SENDER: props.sender ?? 'sns',
    BELLHOP_SENDER_ID: props.senderId ?? '',
    BELLHOP_ORIGINATION_IDENTITY: props.originationIdentity ?? '',
    BELLHOP_CONFIGURATION_SET: props.configurationSet ?? '',
    BELLHOP_MAX_PRICE: props.maxPrice ?? '',
    BELLHOP_DLT_ENTITY_ID: props.dlt?.entityId ?? '',
    BELLHOP_DLT_TEMPLATE_ID: props.dlt?.templateId ?? '',
    BELLHOP_MESSAGE: props.message ?? 'Your verification code is {####}.',
    BELLHOP_APP_HOST: props.appHost ?? '',
    BELLHOP_DESTINATION: props.destination ?? 'hidden',
    BELLHOP_COUNTRIES: props.countries.join(','),
    BELLHOP_DENY_PREFIXES: (props.denyPrefixes ?? []).join(','),
    BELLHOP_STEP_UP: props.stepUp ?? 'proof-of-work',
    BELLHOP_BUDGET_HOUR: dollars(props.budget?.hour ?? 100),
    BELLHOP_BUDGET_DAY: dollars(props.budget?.day ?? 300),
    BELLHOP_BUDGET_MONTH: dollars(props.budget?.month ?? 1500),
    BELLHOP_BUDGET_COUNTRY_HOUR: dollars(props.countryBudget?.hour ?? 60),
    BELLHOP_BUDGET_COUNTRY_DAY: dollars(props.countryBudget?.day ?? 150),
    BELLHOP_BUDGET_COUNTRY_MONTH: dollars(props.countryBudget?.month ?? 750),
    BELLHOP_PRICES: Object.entries(props.prices ?? {})
      .map(([prefix, price]) => `${prefix}=${dollars(price)}`)
      .join(','),
    BELLHOP_FALLBACK_PRICE: dollars(props.fallbackPrice ?? 0.25),
    BELLHOP_LIMIT_POOL_HOUR: String(limits.poolHour ?? 1000),
    BELLHOP_LIMIT_POOL_DAY: String(limits.poolDay ?? 5000),
    BELLHOP_LOG_LEVEL: props.logLevel ?? 'info',
  };
}

/** An amount as the function reads it: to a millionth of a dollar, never as 1e-7. */
function dollars(amount: Dollars): string {
  return amount === 'off' ? amount : String(Number(amount.toFixed(6)));
}

function builtCode(scope: Construct, architecture: lambda.Architecture): lambda.Code {
  const name = architecture === lambda.Architecture.ARM_64 ? 'arm64' : 'amd64';
  const built = join(__dirname, '../../../../../bin', `bellhop-lambda-${name}.zip`);
  const zip: string = scope.node.tryGetContext('bellhop-zip') ?? built;
  if (!existsSync(zip)) {
    throw new Error(`${scope.node.path}: ${zip} is not there. Run make lambda, or give code.`);
  }
  return lambda.Code.fromAsset(zip);
}

function mayTextByEndUserMessaging(scope: Construct, props: BellhopPhoneAuthProps): iam.PolicyStatement {
  const set = { service: 'sms-voice', resource: 'configuration-set', resourceName: props.configurationSet! };
  return new iam.PolicyStatement({
    sid: 'Text',
    actions: ['sms-voice:SendTextMessage'],
    // The identity as it is given, or AWS takes it for another.
    resources: [props.originationIdentity!, ...(props.configurationSet ? [Stack.of(scope).formatArn(set)] : [])],
  });
}

/** Lines of the function's log that say this. */
function said(message: string): logs.JsonPattern {
  return logs.FilterPattern.stringValue('$.msg', '=', message);
}

/** The operations that may lead to a text. */
const textOperations = [
  'signup',
  'resendconfirmationcode',
  'initiateauth',
  'respondtoauthchallenge',
  'forgotpassword',
  'getuserattributeverificationcode',
  'updateuserattributes',
];

function rate(of: { limit: number; textsOnly?: boolean; header?: string }): wafv2.CfnWebACL.StatementProperty {
  return {
    rateBasedStatement: {
      limit: of.limit,
      evaluationWindowSec: 300,
      ...(of.header === undefined
        ? { aggregateKeyType: 'IP' }
        : {
            aggregateKeyType: 'FORWARDED_IP',
            forwardedIpConfig: { headerName: of.header, fallbackBehavior: 'NO_MATCH' },
          }),
      ...(of.textsOnly && {
        scopeDownStatement: {
          regexMatchStatement: {
            fieldToMatch: { singleHeader: { Name: 'x-amzn-cognito-operation-name' } },
            regexString: `^(${textOperations.join('|')})$`,
            textTransformations: [{ priority: 0, type: 'LOWERCASE' }],
          },
        },
      }),
    },
  };
}

function visible(metricName: string): wafv2.CfnWebACL.VisibilityConfigProperty {
  return { cloudWatchMetricsEnabled: true, sampledRequestsEnabled: true, metricName };
}

function metric(
  namespace: string,
  metricName: string,
  statistic: string,
  period = Duration.minutes(5),
  dimensionsMap: Record<string, string> = {},
): cloudwatch.Metric {
  return new cloudwatch.Metric({ namespace, metricName, statistic, period, dimensionsMap });
}
