"""Stories of a back end on boto3, one a run: boto3_client.py STORY.

boto3.test.mjs runs it, with the endpoint, the pool and AWS's own variables for
the credentials in the environment. Where a story wants the code of a text it
says so on a line and reads the code on the next of its input.
"""

import base64
import hashlib
import hmac
import os
import random
import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

POOL = os.environ["POOL_ID"]
PASSWORD = "Correct-Horse-7-Battery"
OTHER = "Purple-Donkey-4-Stapler"

once = {"total_max_attempts": 1}


def client(**settings):
    config = Config(retries=once, **settings)
    return boto3.client("cognito-idp", endpoint_url=os.environ["ENDPOINT"], config=config)


admin = client()
public = client(signature_version=UNSIGNED)


def fresh_number():
    return f"+1416{random.randrange(200, 1000)}{random.randrange(10_000):04}"


def code(number, text=1):
    """The code in the text that makes it so many to the number."""
    print("code", text, number, flush=True)
    return input()


def refused(name, call, **request):
    """Asserts that a call is refused by an exception of that name."""
    try:
        call(**request)
    except ClientError as error:
        assert error.response["Error"]["Code"] == name, error
        return
    raise AssertionError(f"{call.__name__} is not refused")


def new_client(*flows, **members):
    flows = [f"ALLOW_{flow}" for flow in flows]
    made = admin.create_user_pool_client(UserPoolId=POOL, ClientName="boto3", ExplicitAuthFlows=flows, **members)
    return made["UserPoolClient"]


def invite(number, password=PASSWORD):
    attributes = [{"Name": "phone_number", "Value": number}, {"Name": "phone_number_verified", "Value": "true"}]
    made = admin.admin_create_user(
        UserPoolId=POOL, Username=number, TemporaryPassword=password, UserAttributes=attributes, MessageAction="SUPPRESS"
    )
    return made["User"]


def attributes_of(answer):
    return {one["Name"]: one["Value"] for one in answer["UserAttributes"]}


def pools():
    made = admin.create_user_pool(
        PoolName="boto3", UsernameAttributes=["phone_number"], AutoVerifiedAttributes=["phone_number"]
    )["UserPool"]
    pool = made["Id"]
    listed = admin.get_paginator("list_user_pools").paginate(PaginationConfig={"PageSize": 1})
    ids = [one["Id"] for page in listed for one in page["UserPools"]]
    assert len(ids) == len(set(ids)) and {POOL, pool} <= set(ids), ids

    template = {"SmsMessage": "{####} is for boto3"}
    admin.update_user_pool(UserPoolId=pool, AutoVerifiedAttributes=["phone_number"], VerificationMessageTemplate=template)
    read = admin.describe_user_pool(UserPoolId=pool)["UserPool"]
    assert read["VerificationMessageTemplate"]["SmsMessage"] == template["SmsMessage"], read
    assert read["UsernameAttributes"] == ["phone_number"], read

    admin.delete_user_pool(UserPoolId=pool)
    refused("ResourceNotFoundException", admin.describe_user_pool, UserPoolId=pool)


def clients():
    pool = admin.create_user_pool(
        PoolName="clients", UsernameAttributes=["phone_number"], AutoVerifiedAttributes=["phone_number"]
    )["UserPool"]["Id"]
    flows = ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made = [
        admin.create_user_pool_client(UserPoolId=pool, ClientName=name, ExplicitAuthFlows=flows, GenerateSecret=True)
        for name in ("one", "two", "three")
    ]
    pages = admin.get_paginator("list_user_pool_clients").paginate(UserPoolId=pool, PaginationConfig={"PageSize": 2})
    listed = [one for page in pages for one in page["UserPoolClients"]]
    assert sorted(one["ClientName"] for one in listed) == ["one", "three", "two"], listed
    assert not any("ClientSecret" in one for one in listed), "a list tells no secrets"

    about = {"UserPoolId": pool, "ClientId": made[0]["UserPoolClient"]["ClientId"]}
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    admin.update_user_pool_client(**about, ClientName="first", ExplicitAuthFlows=flows)
    read = admin.describe_user_pool_client(**about)["UserPoolClient"]
    assert (read["ClientName"], sorted(read["ExplicitAuthFlows"])) == ("first", sorted(flows)), read
    assert read["ClientSecret"] == made[0]["UserPoolClient"]["ClientSecret"], "an update keeps the secret"

    admin.delete_user_pool_client(**about)
    refused("ResourceNotFoundException", admin.describe_user_pool_client, **about)
    admin.delete_user_pool(UserPoolId=pool)


def users():
    numbers = [fresh_number() for _ in range(5)]
    made = {invite(number)["Username"] for number in numbers}
    pages = admin.get_paginator("list_users").paginate(UserPoolId=POOL, PaginationConfig={"PageSize": 2})
    names = [user["Username"] for page in pages for user in page["Users"]]
    assert len(names) == len(set(names)) and made <= set(names), names
    filtered = admin.list_users(UserPoolId=POOL, Filter=f'phone_number ^= "{numbers[0]}"')["Users"]
    assert [user["UserStatus"] for user in filtered] == ["FORCE_CHANGE_PASSWORD"], filtered

    about = {"UserPoolId": POOL, "Username": numbers[0]}
    admin.admin_update_user_attributes(**about, UserAttributes=[{"Name": "name", "Value": "Asha"}])
    assert attributes_of(admin.admin_get_user(**about))["name"] == "Asha"
    admin.admin_delete_user_attributes(**about, UserAttributeNames=["name"])
    assert "name" not in attributes_of(admin.admin_get_user(**about))
    admin.admin_disable_user(**about)
    assert admin.admin_get_user(**about)["Enabled"] is False
    admin.admin_delete_user(**about)
    refused("UserNotFoundException", admin.admin_get_user, **about)


def admin_sign_in():
    app = {"UserPoolId": POOL, "ClientId": new_client("ADMIN_USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")["ClientId"]}
    number = fresh_number()
    invite(number)

    def sign_in(password):
        parameters = {"USERNAME": number, "PASSWORD": password}
        return admin.admin_initiate_auth(**app, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=parameters)

    asked = sign_in(PASSWORD)
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED", asked
    responses = {"USERNAME": number, "NEW_PASSWORD": OTHER}
    answered = admin.admin_respond_to_auth_challenge(
        **app, ChallengeName="NEW_PASSWORD_REQUIRED", Session=asked["Session"], ChallengeResponses=responses
    )
    token = answered["AuthenticationResult"]["AccessToken"]
    assert attributes_of(public.get_user(AccessToken=token))["phone_number"] == number

    refused("NotAuthorizedException", sign_in, password=PASSWORD)
    token = sign_in(OTHER)["AuthenticationResult"]["AccessToken"]
    admin.admin_user_global_sign_out(UserPoolId=POOL, Username=number)
    refused("NotAuthorizedException", public.get_user, AccessToken=token)


def groups():
    number = fresh_number()
    invite(number)
    for name in ("riders", "drivers"):
        admin.create_group(UserPoolId=POOL, GroupName=name, Description=f"those who are {name}")
        admin.admin_add_user_to_group(UserPoolId=POOL, Username=number, GroupName=name)
    refused("GroupExistsException", admin.create_group, UserPoolId=POOL, GroupName="riders")
    admin.update_group(UserPoolId=POOL, GroupName="riders", Precedence=3)
    assert admin.get_group(UserPoolId=POOL, GroupName="riders")["Group"]["Precedence"] == 3

    def listed(operation, member, key, **request):
        pages = admin.get_paginator(operation).paginate(UserPoolId=POOL, PaginationConfig={"PageSize": 1}, **request)
        return sorted(one[key] for page in pages for one in page[member])

    assert listed("list_groups", "Groups", "GroupName") == ["drivers", "riders"]
    assert listed("admin_list_groups_for_user", "Groups", "GroupName", Username=number) == ["drivers", "riders"]
    admin.admin_remove_user_from_group(UserPoolId=POOL, Username=number, GroupName="riders")
    assert listed("list_users_in_group", "Users", "Username", GroupName="riders") == []
    assert len(listed("list_users_in_group", "Users", "Username", GroupName="drivers")) == 1
    for name in ("riders", "drivers"):
        admin.delete_group(UserPoolId=POOL, GroupName=name)


def secret_hash():
    app = new_client("USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH", GenerateSecret=True)
    number = fresh_number()

    def hash_of(name):
        told = hmac.new(app["ClientSecret"].encode(), (name + app["ClientId"]).encode(), hashlib.sha256)
        return base64.b64encode(told.digest()).decode()

    about = {"ClientId": app["ClientId"], "Username": number}
    refused("NotAuthorizedException", public.sign_up, **about, Password=PASSWORD)
    about["SecretHash"] = hash_of(number)
    public.sign_up(**about, Password=PASSWORD)
    public.confirm_sign_up(**about, ConfirmationCode=code(number))

    parameters = {"USERNAME": number, "PASSWORD": PASSWORD}
    start = {"ClientId": app["ClientId"], "AuthFlow": "USER_PASSWORD_AUTH"}
    refused("NotAuthorizedException", public.initiate_auth, **start, AuthParameters=parameters)
    parameters["SECRET_HASH"] = hash_of(number)
    tokens = public.initiate_auth(**start, AuthParameters=parameters)["AuthenticationResult"]
    name = public.get_user(AccessToken=tokens["AccessToken"])["Username"]
    refresh = {"REFRESH_TOKEN": tokens["RefreshToken"], "SECRET_HASH": hash_of(name)}
    start["AuthFlow"] = "REFRESH_TOKEN_AUTH"
    assert "AccessToken" in public.initiate_auth(**start, AuthParameters=refresh)["AuthenticationResult"]


def forgot_password():
    app = {"ClientId": new_client("USER_PASSWORD_AUTH", "REFRESH_TOKEN_AUTH")["ClientId"]}
    number = fresh_number()
    about = {**app, "Username": number}
    public.sign_up(**about, Password=PASSWORD)
    public.confirm_sign_up(**about, ConfirmationCode=code(number))

    sent = public.forgot_password(**about)["CodeDeliveryDetails"]
    assert sent["DeliveryMedium"] == "SMS" and number not in sent["Destination"], sent
    right = code(number, 2)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    refused("CodeMismatchException", public.confirm_forgot_password, **about, ConfirmationCode=wrong, Password=OTHER)
    public.confirm_forgot_password(**about, ConfirmationCode=right, Password=OTHER)

    def sign_in(password):
        parameters = {"USERNAME": number, "PASSWORD": password}
        return public.initiate_auth(**app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)

    refused("NotAuthorizedException", sign_in, password=PASSWORD)
    assert "AccessToken" in sign_in(OTHER)["AuthenticationResult"]


STORIES = [pools, clients, users, admin_sign_in, groups, secret_hash, forgot_password]

if __name__ == "__main__":
    {story.__name__: story for story in STORIES}[sys.argv[1]]()
