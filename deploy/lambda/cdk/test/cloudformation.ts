// What the tests read templates with: the SAM template as CloudFormation, made definite
// by parameters, and AWS's own validator, which needs no network.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Fields = { [key: string]: Json };

export interface Resource {
  Type: string;
  Properties: Fields;
  Condition?: string;
  DependsOn?: string | string[];
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
}

export interface CloudFormation {
  Parameters: { [name: string]: Fields };
  Conditions: Fields;
  Resources: { [id: string]: Resource };
  Outputs: { [name: string]: Fields };
  [section: string]: unknown;
}

export const templateFile = join(__dirname, '../../../template.yaml');

const folder = mkdtempSync(join(tmpdir(), 'bellhop-cdk-'));
after(() => rmSync(folder, { recursive: true }));

/** A folder that lives as long as the tests of one file. */
export function temporary(): string {
  return mkdtempSync(join(folder, 'out-'));
}

/** A stack of an app whose templates are judged by findings, and not by CDK itself. */
export function newStack(): Stack {
  return new Stack(new App({ outdir: temporary(), builtinCloudFormationValidation: false }), 'Bellhop');
}

/** What a stack is as CloudFormation. CDK refuses circles here. */
export function synthesized(stack: Stack): CloudFormation {
  const { Rules, ...template } = Template.fromStack(stack).toJSON() as CloudFormation; // Rules: of CDK's bootstrap
  return template as CloudFormation;
}

/**
 * The SAM template, read by CDK: every Ref, GetAtt and Sub in it must find what it names.
 * Its only SAM resource is written as the resource that SAM makes of it.
 */
export function samTemplate(): CloudFormation {
  const stack = newStack();
  new CfnInclude(stack, 'Template', { templateFile });
  const { Transform, ...template } = Template.fromStack(stack).toJSON() as CloudFormation;
  delete template.Parameters!.BootstrapVersion; // CDK's own
  for (const resource of Object.values(template.Resources)) asCloudFormation(resource);
  return template as CloudFormation;
}

/** SAM hands these on to the function as they are. */
const sameInSam = new Set([
  'Architectures',
  'Description',
  'Environment',
  'Handler',
  'LoggingConfig',
  'MemorySize',
  'ReservedConcurrentExecutions',
  'Role',
  'Runtime',
  'Timeout',
]);

function asCloudFormation(resource: Resource): void {
  if (resource.Type !== 'AWS::Serverless::Function') return;
  const { CodeUri, ...rest } = resource.Properties;
  const odd = Object.keys(rest).filter((name) => !sameInSam.has(name));
  if (CodeUri === undefined || odd.length > 0) throw new Error(`not known of a SAM function: CodeUri ${CodeUri}, ${odd}`);
  resource.Type = 'AWS::Lambda::Function';
  resource.Properties = { ...rest, Code: { S3Bucket: 'uploaded', S3Key: 'bellhop-lambda.zip' } };
}

/** What a template becomes with these parameters: conditions decided, parameters put in. */
export function decided(template: CloudFormation, given: { [name: string]: string | number }): CloudFormation {
  const parameter = new Map<string, Json>();
  for (const [name, { Type, Default }] of Object.entries(template.Parameters)) {
    const value = given[name] ?? Default;
    if (value === undefined) throw new Error(`the parameter ${name} has no value`);
    parameter.set(name, typed(Type as string, value));
  }
  const unknown = Object.keys(given).filter((name) => !parameter.has(name));
  if (unknown.length > 0) throw new Error(`there are no parameters ${unknown}`);

  const { Parameters, Conditions, Rules, Metadata, ...rest } = template;
  const holds = (name: string): boolean => truth(Conditions[name]!);
  const truth = (condition: Json): boolean => {
    const [[verb, value]] = Object.entries(condition as Fields) as [[string, Json]];
    switch (verb) {
      case 'Condition':
        return holds(value as string);
      case 'Fn::Equals':
        return String(put((value as Json[])[0]!)) === String(put((value as Json[])[1]!));
      case 'Fn::Not':
        return !truth((value as Json[])[0]!);
      case 'Fn::And':
        return (value as Json[]).every(truth);
      case 'Fn::Or':
        return (value as Json[]).some(truth);
      default:
        throw new Error(`no condition is made by ${verb}`);
    }
  };
  /** A value with parameters put in; undefined for AWS::NoValue. */
  const put = (value: Json): Json | undefined => {
    if (Array.isArray(value)) return value.map(put).filter((one) => one !== undefined);
    if (typeof value !== 'object' || value === null) return value;
    if ('Ref' in value) {
      if (value.Ref === 'AWS::NoValue') return undefined;
      return parameter.get(value.Ref as string) ?? value;
    }
    if ('Fn::If' in value) {
      const [condition, yes, no] = value['Fn::If'] as [string, Json, Json];
      return put(holds(condition) ? yes : no);
    }
    if ('Fn::Join' in value) {
      const [by, parts] = (value['Fn::Join'] as Json[]).map(put) as [string, Json[]];
      if (parts.every((one) => typeof one === 'string')) return parts.join(by);
    }
    if ('Fn::Sub' in value && typeof value['Fn::Sub'] === 'string') {
      return { 'Fn::Sub': value['Fn::Sub'].replace(/\$\{(\w+)\}/g, (all, name) => String(parameter.get(name) ?? all)) };
    }
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, one]) => {
        const made = put(one);
        return made === undefined ? [] : [[key, made]];
      }),
    );
  };
  const section = <T extends { Condition?: Json }>(all: { [id: string]: T }): { [id: string]: T } =>
    Object.fromEntries(
      Object.entries(all)
        .filter(([, { Condition }]) => Condition === undefined || holds(Condition as string))
        .map(([id, { Condition, ...one }]) => [id, put(one as Json) as unknown as T]),
    );
  return {
    ...rest,
    Parameters: {},
    Conditions: {},
    Resources: section(template.Resources),
    Outputs: section(template.Outputs ?? {}),
  };
}

function typed(type: string, value: Json): Json {
  switch (type) {
    case 'CommaDelimitedList':
      return String(value).split(',');
    case 'Number':
      return Number(value);
    default:
      return value;
  }
}

interface Finding {
  severity: string;
  ruleId: string;
  message: string;
  entity?: { logicalId?: string };
}

interface Validator {
  CompositeEngine: new () => {
    validateTemplate(template: unknown, config: object): { status: string; diagnostics: Finding[] };
    free(): void;
  };
  TemplateContent: new (content: string, name: string) => unknown;
}

/**
 * What AWS's validator, the one inside aws-cdk-lib, has against a template without
 * parameters, down to warnings. It knows the schema of every resource and the rules of
 * CloudFormation.
 */
export function findings(template: CloudFormation): string[] {
  const { Parameters, Conditions, ...rest } = template;
  // W9002 takes an ARN with the pseudo parameters for account and region for a fixed one.
  // W3005 is against a DependsOn that CDK itself writes beside a reference.
  return validated(JSON.stringify(rest), { severityLevel: 'WARN', exclude: { ids: ['W3005', 'W9002'] } });
}

/** Errors of the SAM template as it is written, whatever its parameters. */
export function errorsAsWritten(): string[] {
  return validated(readFileSync(templateFile, 'utf8'), { severityLevel: 'ERROR' });
}

function validated(template: string, config: object): string[] {
  engine ??= new validator.CompositeEngine();
  const report = engine.validateTemplate(new validator.TemplateContent(template, 'template'), config);
  if (report.status !== 'OK') return [`the template was not read to its end: ${report.status}`];
  return report.diagnostics.map((one) => `${one.severity} ${one.ruleId} ${one.entity?.logicalId ?? ''}: ${one.message}`);
}

const insideCdk = createRequire(require.resolve('aws-cdk-lib/package.json'));
const validator = insideCdk('@aws/cloudformation-validate') as Validator;
let engine: InstanceType<Validator['CompositeEngine']> | undefined;

/** All resources of a type. */
export function ofType(template: CloudFormation, type: string): Resource[] {
  return Object.values(template.Resources).filter((one) => one.Type === type);
}

/** The one resource of a type. */
export function only(template: CloudFormation, type: string): Resource {
  const all = ofType(template, type);
  if (all.length !== 1) throw new Error(`${all.length} resources are of ${type}`);
  return all[0]!;
}

export interface Statement {
  Sid?: string;
  Effect: string;
  Action: string[];
  Resource: Json[];
  Condition?: Fields;
}

/** Every statement of every policy that a role has, and of policies of resources. */
export function statements(template: CloudFormation): Statement[] {
  const documents = Object.values(template.Resources).flatMap(({ Type, Properties }): Json[] => {
    switch (Type) {
      case 'AWS::IAM::Policy':
      case 'AWS::SNS::TopicPolicy':
        return [Properties.PolicyDocument!];
      case 'AWS::IAM::Role':
        return ((Properties.Policies ?? []) as Fields[]).map((one) => one.PolicyDocument!);
      default:
        return [];
    }
  });
  return documents.flatMap((one) =>
    ((one as Fields).Statement as Fields[]).map((statement) => ({
      ...(statement as unknown as Statement),
      Action: [statement.Action!].flat() as string[],
      Resource: [statement.Resource!].flat(),
    })),
  );
}
